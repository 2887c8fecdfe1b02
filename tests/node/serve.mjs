// What the apps share: /login begins, /callback ends, a session by cookie. Prints the port that it listens at.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

export const { env } = process;
const sessions = new Map();

export function serve(login, callback) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, env.ORIGIN);
    const view = { "/login": login, "/callback": callback }[url.pathname];
    const sid = /node_session=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? randomUUID();
    if (!sessions.has(sid)) sessions.set(sid, {});
    request.session = sessions.get(sid);
    request.query = Object.fromEntries(url.searchParams);
    response.setHeader("Set-Cookie", `node_session=${sid}; HttpOnly; Path=/`);
    response.setHeader("Content-Type", "application/json");
    try {
      const { location, token, problem } = view ? await view(request) : { problem: "nothing here" };
      if (location) response.writeHead(302, { Location: location }).end();
      else response.writeHead(token ? 200 : 403).end(JSON.stringify(token ?? { problem }));
    } catch (error) {
      response.writeHead(502).end(JSON.stringify({ problem: String(error), code: error.code, cause: String(error.cause) }));
    }
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}
