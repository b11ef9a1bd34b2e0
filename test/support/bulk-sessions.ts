/** Sessions by the thousand, made and ended in the database from beside an instance, as it would itself. */
import { systemRandom } from "../../src/lib/random.ts";
import { createTokenPairIssuer, type TokenPair } from "../../src/login/token-pair.ts";
import type { Tx } from "../../src/store/store.ts";
import { createAccessTokenIssuer } from "../../src/tokens/access-token-issuer.ts";
import { createRefreshTokens } from "../../src/tokens/refresh-token.ts";
import type { TestApp } from "./app.ts";

/** Rows that go into one statement. */
const ROWS = 500;

/** Makes so many sessions like that one, and their tokens. */
export async function copySessions(app: TestApp, sessionId: string, count: number): Promise<readonly TokenPair[]> {
  return app.beside(async ({ store, keys }) => {
    const { issuer, accessTokenTtlMs } = app.config;
    const issueTokenPair = createTokenPairIssuer({
      issueAccessToken: createAccessTokenIssuer({ issuer, keys, random: systemRandom }),
      refreshTokens: createRefreshTokens({ issuer, keys }),
      accessTokenTtlMs,
    });
    const { session, user } = await store.read(async (db) => {
      const session = await db.selectFrom("sessions").selectAll().where("id", "=", sessionId).executeTakeFirstOrThrow();
      const user = await db.selectFrom("users").selectAll().where("id", "=", session.user_id).executeTakeFirstOrThrow();
      const roles = await db.selectFrom("user_roles").select("role").where("user_id", "=", user.id).execute();
      return { session, user: { ...user, roles: roles.map(({ role }) => role) } };
    });
    const copies = Array.from({ length: count }, () => ({ ...session, id: systemRandom.id("ses") }));
    await store.write(async ({ db }) => {
      for (const some of pieces(copies)) await db.insertInto("sessions").values(some).execute();
    });
    const issuedAt = session.rotated_at;
    return Promise.all(copies.map((copy) => issueTokenPair({ session: copy, user, issuedAt })));
  });
}

/** Says in the log that so many sessions have ended, which nobody had heard of. */
export async function endSessions(app: TestApp, count: number): Promise<void> {
  await app.beside(({ store }) => store.write((tx) => appendEnds(tx, count)));
}

async function appendEnds({ db, now, announce }: Tx, count: number): Promise<void> {
  const { revision } = await db
    .updateTable("revocation_log")
    .set((column) => ({ revision: column("revision", "+", count) }))
    .returning("revision")
    .executeTakeFirstOrThrow();
  const rows = Array.from({ length: count }, (_, index) => ({
    revision: revision - index,
    kind: "session_ended" as const,
    subject: systemRandom.id("ses"),
    value: null,
    expires_at: now + 600_000,
    recorded_at: now,
  }));
  for (const some of pieces(rows)) await db.insertInto("revocations").values(some).execute();
  announce?.();
}

function pieces<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / ROWS) }, (_, index) =>
    items.slice(index * ROWS, (index + 1) * ROWS),
  );
}
