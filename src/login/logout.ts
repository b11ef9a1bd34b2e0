/**
 * Logout: ends sessions, at once and everywhere.
 *
 * A refresh token of any generation, even one that has expired, may end its own
 * session: that harms nobody but a thief. Ending others takes the current refresh
 * token or a living access token. Ending what is over succeeds.
 */
import type { Audit } from "../audit/audit.ts";
import type { Checker } from "../check/checker.ts";
import type { Knowledge } from "../check/knowledge.ts";
import type { Revision } from "../check/revision.ts";
import { type Reason, Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Patience } from "../lib/patience.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession } from "../revocations/entries.ts";
import { presentRevision } from "../store/queries/revocations.ts";
import { findSession, lockSession, openSessions, type SessionRow } from "../store/queries/sessions.ts";
import { lockUser } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";
import { OWN_AUDIENCE } from "../tokens/audience-policy.ts";
import type { RefreshTokens } from "../tokens/refresh-token.ts";

/** Which sessions end: this one, all others of its user, or all. */
export type LogoutScope = "SESSION" | "OTHERS" | "ALL";

/** Whose sessions, and which. */
export type LogoutInput = {
  /** Empty: the access token says which session. */
  readonly refreshToken: string;
  /** Empty: none. */
  readonly accessToken: string;
  readonly scope: LogoutScope;
};

/**
 * Ends sessions and gives the revision from which everybody knows.
 * @throws Refusal TOKEN_*, AUDIENCE_MISMATCH, REFRESH_TOKEN_*, SESSION_ENDED, UNAVAILABLE.
 */
export type Logout = (input: LogoutInput, patience: Patience) => Promise<Revision>;

type LogoutDeps = {
  readonly commit: Commit;
  readonly refreshTokens: Pick<RefreshTokens, "read">;
  readonly checker: Pick<Checker, "identify">;
  readonly knowledge: Pick<Knowledge, "logId">;
  readonly audit: Audit;
  readonly clock: Clock;
};

/** What a token proves: a session, and whether it may speak for the whole user. */
type Proof = {
  readonly sessionId: string;
  /** Why it may not end other sessions, judged against the locked session; `null` if it may. */
  readonly objection: (session: SessionRow) => Reason | null;
};

/** A {@link Logout}. */
export function createLogout({ commit, refreshTokens, checker, knowledge, audit, clock }: LogoutDeps): Logout {
  return async function logout({ refreshToken, accessToken, scope }, patience) {
    const proof = refreshToken !== "" ? await proveByRefreshToken(refreshToken) : await proveByAccessToken(accessToken);
    const { revision } = await commit((tx) => end(tx, proof, scope), patience);
    return { logId: knowledge.logId(), number: revision };
  };

  async function proveByRefreshToken(text: string): Promise<Proof> {
    const token = refreshTokens.read(text);
    if (token === null) throw new Refusal("REFRESH_TOKEN_INVALID");
    const { sessionId, generation, expiresAt } = token;
    return {
      sessionId,
      objection(session) {
        if (expiresAt <= clock.now()) return "REFRESH_TOKEN_EXPIRED";
        if (generation > session.generation) return "REFRESH_TOKEN_FROM_FUTURE";
        return generation < session.generation ? "REFRESH_TOKEN_SUPERSEDED" : null;
      },
    };
  }

  async function proveByAccessToken(text: string): Promise<Proof> {
    if (text === "")
      throw new Refusal("TOKEN_MISSING", { message: "send a refresh token, or an access token in authorization" });
    const token = checker.identify(text);
    if (token === null) throw new Refusal("TOKEN_INVALID");
    if (token.principal.expiresAt <= clock.now()) throw new Refusal("TOKEN_EXPIRED");
    if (!token.audiences.includes(OWN_AUDIENCE)) throw new Refusal("AUDIENCE_MISMATCH");
    return { sessionId: token.principal.sessionId, objection: () => null };
  }

  async function end(tx: Tx, proof: Proof, scope: LogoutScope): Promise<{ readonly revision: number }> {
    const found = await findSession(tx.db, proof.sessionId);
    if (found === null && scope !== "SESSION") throw new Refusal("SESSION_ENDED");
    // Whoever ended it may have been another instance: its revision must be known here before the answer.
    if (found === null) return { revision: await presentRevision(tx.db) };
    await lockUser(tx, found.user_id);
    const own = (await lockSession(tx, found.id)) ?? found;
    const doomed = scope === "SESSION" ? [own] : await chosen(tx, own, proof, scope);
    let ended = 0;
    for (const session of doomed) if ((await endSession(tx, session)) !== null) ended += 1;
    if (ended > 0) {
      const details = { scope, sessions: ended };
      await audit.record(tx, { kind: "logout", userId: own.user_id, sessionId: own.id, actor: own.user_id, details });
    }
    return { revision: await presentRevision(tx.db) };
  }

  /** The sessions to end where the scope reaches beyond one. A session that is over reaches nothing that lives. */
  async function chosen(tx: Tx, own: SessionRow, proof: Proof, scope: LogoutScope): Promise<readonly SessionRow[]> {
    const open = (await openSessions(tx.db, own.user_id)).filter(({ id }) => scope === "ALL" || id !== own.id);
    const objection = own.ended_at !== null ? "SESSION_ENDED" : proof.objection(own);
    if (objection !== null && open.length > 0) throw new Refusal(objection);
    return open;
  }
}
