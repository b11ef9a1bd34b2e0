/** A user's own sessions: to look at, and to end. */
import type { Audit } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession } from "../revocations/entries.ts";
import { presentRevision } from "../store/queries/revocations.ts";
import { lockSession } from "../store/queries/sessions.ts";
import { lockUser } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";

/**
 * Ends one of the user's sessions, if it is not over; the revision from which everybody knows.
 * @throws Refusal SESSION_NOT_FOUND, also for a session of somebody else.
 */
export type RevokeOwnSession = (
  userId: string,
  sessionId: string,
  patience: Patience,
) => Promise<{ readonly revision: number }>;

/** A {@link RevokeOwnSession}. */
export function createOwnSessionRevocation(deps: { readonly commit: Commit; readonly audit: Audit }): RevokeOwnSession {
  return (userId, sessionId, patience) => deps.commit((tx) => revoke(tx, userId, sessionId), patience);

  async function revoke(tx: Tx, userId: string, sessionId: string) {
    await lockUser(tx, userId);
    const session = await lockSession(tx, sessionId);
    if (session === null || session.user_id !== userId) throw new Refusal("SESSION_NOT_FOUND");
    const ended = await endSession(tx, session);
    if (ended !== null) await deps.audit.record(tx, { kind: "session_revoked", userId, sessionId, actor: userId });
    return { revision: ended ?? (await presentRevision(tx.db)) };
  }
}
