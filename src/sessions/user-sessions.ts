/** Anybody's sessions, for those who may end them. */
import type { Audit } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession } from "../revocations/entries.ts";
import { type Actor, onBehalfOf } from "../roles/actor.ts";
import { presentRevision } from "../store/queries/revocations.ts";
import { findSession, lockSession, openSessions, type SessionRow } from "../store/queries/sessions.ts";
import { lockUser } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";

/** Ends sessions that are not over; each tells the revision from which everybody knows. */
export type UserSessionRevocation = {
  /** @throws Refusal SESSION_NOT_FOUND. */
  readonly revoke: (sessionId: string, actor: Actor, patience?: Patience) => Promise<{ readonly revision: number }>;
  /** Ends every session of a user. @throws Refusal USER_NOT_FOUND. */
  readonly revokeAll: (
    userId: string,
    actor: Actor,
    patience?: Patience,
  ) => Promise<{ readonly revision: number; readonly endedCount: number }>;
};

/** {@link UserSessionRevocation} in the database. */
export function createUserSessionRevocation(deps: {
  readonly commit: Commit;
  readonly audit: Audit;
}): UserSessionRevocation {
  const { commit, audit } = deps;

  async function end(tx: Tx, session: SessionRow, actor: Actor): Promise<number | null> {
    const ended = await endSession(tx, session);
    const { id: sessionId, user_id: userId } = session;
    if (ended !== null)
      await audit.record(tx, { kind: "session_revoked", userId, sessionId, actor: actor?.id ?? null });
    return ended;
  }

  async function revoke(tx: Tx, sessionId: string, actor: Actor) {
    const found = await findSession(tx.db, sessionId);
    if (found === null) throw new Refusal("SESSION_NOT_FOUND");
    // Everybody locks the user first, then the session.
    await lockUser(tx, found.user_id);
    const session = await lockSession(tx, sessionId);
    const ended = session === null ? null : await end(tx, session, actor);
    return { revision: ended ?? (await presentRevision(tx.db)) };
  }

  async function revokeAll(tx: Tx, userId: string, actor: Actor) {
    if ((await lockUser(tx, userId)) === null) throw new Refusal("USER_NOT_FOUND");
    const sessions = await openSessions(tx.db, userId);
    for (const session of sessions) await end(tx, session, actor);
    return { revision: await presentRevision(tx.db), endedCount: sessions.length };
  }

  return {
    revoke: (sessionId, actor, patience) =>
      commit(
        onBehalfOf(actor, (tx) => revoke(tx, sessionId, actor)),
        patience,
      ),
    revokeAll: (userId, actor, patience) =>
      commit(
        onBehalfOf(actor, (tx) => revokeAll(tx, userId, actor)),
        patience,
      ),
  };
}
