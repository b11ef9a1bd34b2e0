/**
 * The least that a durable refresh can be: one HMAC to check the old token, the
 * server's statements in one transaction for all who came at once, one HMAC and one
 * signature for the new pair. No network, no messages, no rules.
 */
import { createHmac, createPrivateKey, sign, timingSafeEqual, type webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { fromDer } from "../../src/check/ecdsa-signature.ts";
import { serveWindows } from "./loop.ts";

/** In the file that the first argument names. */
export type RefreshMaterial = {
  readonly file: string;
  readonly access: webcrypto.JsonWebKey;
  readonly refresh: webcrypto.JsonWebKey;
  readonly accessToken: string;
  /** Each of a session of its own. */
  readonly refreshTokens: readonly { readonly sessionId: string; readonly token: string }[];
};

const material: RefreshMaterial = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const privateKey = createPrivateKey({ key: { ...material.access }, format: "jwk" });
const secret = Buffer.from(material.refresh.k ?? "", "base64url");
const unsigned = material.accessToken.slice(0, material.accessToken.lastIndexOf("."));
const sessions = material.refreshTokens.map(({ sessionId, token }) => {
  const end = token.lastIndexOf(".");
  return { sessionId, signed: token.slice(0, end), mac: Buffer.from(token.slice(end + 1), "base64url"), generation: 1 };
});
type Session = (typeof sessions)[number];

const db = new Database(material.file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.pragma("foreign_keys = ON");
const findSession = db.prepare<[string], { user_id: string }>("select * from sessions where id = ?");
const findUser = db.prepare("select * from users where id = ?");
const findRoles = db.prepare("select role from user_roles where user_id = ? order by role");
const rotate = db.prepare(
  `update sessions set generation = ?, rotated_at = ?, attempt_hash = ?, refresh_expires_at = ?, access_expires_at = ?
   where id = ? and generation = ? and ended_at is null`,
);

function exchange(session: Session): void {
  const { sessionId, generation } = session;
  const now = Date.now();
  db.exec("savepoint member");
  const userId = findSession.get(sessionId)?.user_id ?? "";
  findUser.get(userId);
  findRoles.all(userId);
  findSession.get(sessionId);
  const { changes } = rotate.run(generation + 1, now, null, now + 1_209_600_000, now + 600_000, sessionId, generation);
  if (changes !== 1) throw new Error("a session did not move on");
  session.generation += 1;
  db.exec("release member");
}

function hmac(text: string): Buffer {
  return createHmac("sha256", secret).update(text).digest();
}

serveWindows(async (note, concurrency) => {
  for (let at = 0; ; at = (at + concurrency) % (sessions.length - concurrency)) {
    const group = sessions.slice(at, at + concurrency);
    const beganAt = performance.now();
    for (const { signed, mac } of group) if (!timingSafeEqual(hmac(signed), mac)) throw new Error("a token is false");
    db.exec("begin immediate");
    for (const session of group) exchange(session);
    db.exec("commit");
    for (const { signed } of group) {
      hmac(signed).toString("base64url");
      Buffer.from(fromDer(sign("sha256", Buffer.from(unsigned), privateKey))).toString("base64url");
      if (!note(performance.now() - beganAt)) return;
    }
  }
});
