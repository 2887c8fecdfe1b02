// An app with openid-client, told where Sentinel's endpoints are: state, nonce and PKCE, the id_token checked.
import * as client from "openid-client";
import { env, serve } from "./serve.mjs";

const api = `${env.SENTINEL}/sentinel/api/account/12345678`;
const sentinel = {
  issuer: "sentinel",
  authorization_endpoint: `${api}/authorize`,
  token_endpoint: `${api}/token?v=2.0`,
  jwks_uri: `${api}/keys`,
};
const config = new client.Configuration(sentinel, env.CLIENT_ID, env.CLIENT_SECRET);
client.allowInsecureRequests(config);
client.enableNonRepudiationChecks(config);

async function login({ session }) {
  session.expected = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const location = client.buildAuthorizationUrl(config, {
    v: "1.0",
    redirect_uri: `${env.ORIGIN}/callback`,
    scope: "openid",
    state: session.expected.expectedState,
    nonce: session.expected.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(session.expected.pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  return { location: location.href };
}

async function callback({ session, url }) {
  const token = await client.authorizationCodeGrant(config, new URL(url, env.ORIGIN), session.expected);
  return { token: { ...token, sub: token.claims().sub } };
}

serve(login, callback);
