// Two OAuth servers of others at Sentinel's path. Prints the port that it listens at.
import { OAuth2Server } from "oauth2-mock-server";
import Provider from "oidc-provider";

const { env } = process;
const api = "/sentinel/api/account/12345678";

async function mock() {
  const endpoints = { authorize: `${api}/authorize`, token: `${api}/token` };
  const server = new OAuth2Server(undefined, undefined, { endpoints });
  await server.issuer.keys.generate("RS256");
  await server.start(0, "127.0.0.1");
  console.log(server.address().port);
}

function provider() {
  const one = {
    client_id: env.CLIENT_ID,
    client_secret: env.CLIENT_SECRET,
    redirect_uris: [`${env.ORIGIN}/callback`],
    token_endpoint_auth_method: "client_secret_post",
  };
  const oidc = new Provider(env.SENTINEL, {
    clients: [one],
    cookies: { keys: ["made-up"] },
    pkce: { required: () => false },
    routes: { authorization: `${api}/authorize`, token: `${api}/token` },
  });
  const server = oidc.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

await { "oauth2-mock-server": mock, "oidc-provider": provider }[env.SERVER]();
