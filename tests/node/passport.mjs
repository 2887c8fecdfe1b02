// An app with passport-oauth2, with or without state, as passport itself would drive the strategy.
import OAuth2Strategy from "passport-oauth2";
import { env, serve } from "./serve.mjs";

const api = `${env.SENTINEL}/sentinel/api/account/12345678`;
const strategy = new OAuth2Strategy(
  {
    authorizationURL: `${api}/authorize?v=1.0`,
    tokenURL: `${api}/token?v=2.0`,
    clientID: env.CLIENT_ID,
    clientSecret: env.CLIENT_SECRET,
    callbackURL: `${env.ORIGIN}/callback`,
    state: env.STATE === "yes",
  },
  (_access, _refresh, answer, _profile, done) => done(null, answer),
);

function authenticate(request) {
  return new Promise((resolve, reject) => {
    const attempt = Object.create(strategy);
    attempt.redirect = (location) => resolve({ location });
    attempt.success = (token) => resolve({ token });
    attempt.fail = (challenge) => resolve({ problem: challenge?.message ?? "refused" });
    attempt.error = reject;
    attempt.authenticate(request);
  });
}

serve(authenticate, authenticate);
