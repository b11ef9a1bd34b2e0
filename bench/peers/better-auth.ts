/** `better-auth` on SQLite, as its documentation sets it up: e-mail and password, sessions in the database. */
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import Database from "better-sqlite3";
import { tellPort } from "../contestants/part.ts";

const [, , file = "", email = "", password = ""] = process.argv;
const server = createServer();
server.listen(0, "127.0.0.1", () => void begin());

async function begin(): Promise<void> {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("it does not listen");
  const database = new Database(`${file}.db`);
  database.pragma("journal_mode = WAL");
  const auth = betterAuth({
    database,
    baseURL: `http://127.0.0.1:${address.port}`,
    secret: "a secret of more than thirty-two characters",
    emailAndPassword: { enabled: true },
    // It would refuse the driver after a few requests.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
  });
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  await auth.api.signUpEmail({ body: { email, password, name: "bench" } });
  const signedIn = await auth.api.signInEmail({ body: { email, password }, asResponse: true });
  const cookies = signedIn.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  server.on("request", toNodeHandler(auth));
  tellPort(address, { cookie: cookies.join("; ") });
}
