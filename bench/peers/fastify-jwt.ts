/** What the tutorial does in Flask, in Node: a signed token, and a list in SQLite of those that were logged out. */
import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import fastify from "fastify";
import jsonwebtoken from "jsonwebtoken";
import { tellPort } from "../contestants/part.ts";

const SECRET = "a secret of more than thirty-two characters";
const LOGGED_OUT = 1000;

const [, , file = ""] = process.argv;
const database = new Database(`${file}.db`);
database.pragma("journal_mode = WAL");
database.exec("create table token_blacklist (jti text primary key)");
const add = database.prepare("insert into token_blacklist (jti) values (?)");
for (let index = 0; index < LOGGED_OUT; index += 1) add.run(randomUUID());
const isLoggedOut = database.prepare("select 1 from token_blacklist where jti = ?");

const app = fastify();
app.get("/me", async (request, reply) => {
  const [, token = ""] = (request.headers.authorization ?? "").split(" ");
  try {
    const claims = jsonwebtoken.verify(token, SECRET, { algorithms: ["HS256"] });
    if (typeof claims === "string" || isLoggedOut.get(claims.jti) !== undefined) throw new Error("logged out");
    return { granted: { user_id: claims.sub, roles: claims.roles, expires_at: claims.exp } };
  } catch {
    return reply.code(401).send({ error: "unauthorized" });
  }
});
await app.listen({ host: "127.0.0.1", port: 0 });
const token = jsonwebtoken.sign({ roles: ["user"] }, SECRET, {
  subject: randomUUID(),
  jwtid: randomUUID(),
  expiresIn: "1d",
});
tellPort(app.server.address(), { authorization: `Bearer ${token}` });
