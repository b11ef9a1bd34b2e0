/**
 * Refresh: a refresh token for the next pair of tokens.
 *
 * Owns the steps; the rule about generations is judgeRefresh. Refusals that change
 * something (reuse ends the session) are committed like successes, and each case is
 * on record under its own name.
 */
import type { Audit, AuditKind } from "../audit/audit.ts";
import { type Reason, Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Patience } from "../lib/patience.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession } from "../revocations/entries.ts";
import type { RefreshVerdict } from "../sessions/refresh-rule.ts";
import { audiencesOf, type SessionLife } from "../sessions/session-life.ts";
import { findSession, lockSession, type SessionRow } from "../store/queries/sessions.ts";
import { lockUser, type UserRow } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";
import type { AudiencePolicy } from "../tokens/audience-policy.ts";
import type { RefreshGrant, RefreshTokens } from "../tokens/refresh-token.ts";
import type { IssueTokenPair, TokenGrant, TokenPair } from "./token-pair.ts";

/** A token to be exchanged. */
export type RefreshInput = {
  readonly refreshToken: string;
  /** Empty: none. */
  readonly attemptId: Uint8Array;
  readonly audiences: readonly string[];
};

/**
 * Exchanges a refresh token.
 * @throws Refusal REFRESH_TOKEN_*, SESSION_ENDED, AUDIENCE_UNKNOWN, UNAVAILABLE.
 */
export type Refresh = (input: RefreshInput, patience: Patience) => Promise<TokenPair>;

type RefreshDeps = {
  readonly commit: Commit;
  readonly refreshTokens: Pick<RefreshTokens, "read">;
  readonly sessions: Pick<SessionLife, "judge" | "rotate" | "repeat">;
  readonly audiences: AudiencePolicy;
  readonly issueTokenPair: IssueTokenPair;
  readonly audit: Audit;
  readonly clock: Clock;
  /** Whether the clock alone has come to the time, in milliseconds, or alone has not, and may be wrong. */
  readonly isDoubtful: (time: number) => boolean;
  /** The same after the database was asked, which decides where it has a clock of its own. */
  readonly isUndecided: (time: number) => boolean;
};

/** A live session and its user, both locked, and what the client wants of them. */
type Exchange = { readonly session: SessionRow; readonly user: UserRow; readonly input: RefreshInput };

/** What a write left behind: tokens to issue, or a refusal to throw. */
type Outcome =
  | { readonly revision: number | null; readonly grant: TokenGrant }
  | { readonly revision: number | null; readonly refused: Reason };

/** A clock that is found wrong is set right, at last. */
const CLOCK_RETRY_MS = 5_000;

const CASES: Readonly<Record<RefreshVerdict, AuditKind>> = {
  rotate: "refresh_rotated",
  repeat: "refresh_repeated",
  superseded: "refresh_superseded",
  reuse: "refresh_reused",
  from_future: "refresh_from_future",
};

/** A {@link Refresh}. */
export function createRefresh(deps: RefreshDeps): Refresh {
  const { commit, refreshTokens, sessions, issueTokenPair, audit, clock, isDoubtful, isUndecided } = deps;

  return async function refresh(input, patience) {
    const token = refreshTokens.read(input.refreshToken);
    if (token === null) throw new Refusal("REFRESH_TOKEN_INVALID");
    if (token.expiresAt <= clock.now() && !isDoubtful(token.expiresAt)) throw new Refusal("REFRESH_TOKEN_EXPIRED");
    const outcome = await commit((tx) => exchange(tx, token, input), patience, { asksFirst: true });
    if ("refused" in outcome) throw refusalOf(outcome.refused);
    return issueTokenPair(outcome.grant);
  };

  async function exchange(tx: Tx, token: RefreshGrant, input: RefreshInput): Promise<Outcome> {
    const held = await lockBoth(tx, token.sessionId);
    if (held === null || held.session.ended_at !== null || held.user.state !== "active")
      return refused("SESSION_ENDED");
    const { session, user } = held;
    const expiresAt = Math.min(token.expiresAt, session.refresh_expires_at);
    // What may be over is not good, but nobody is signed out for a clock that is wrong.
    if (expiresAt <= tx.now) return refused(isUndecided(expiresAt) ? "UNAVAILABLE" : "REFRESH_TOKEN_EXPIRED");
    const verdict = await sessions.judge(tx, session, token.generation, input.attemptId);
    const outcome = await carryOut(tx, verdict, { session, user, input });
    await audit.record(tx, {
      kind: CASES[verdict],
      userId: user.id,
      sessionId: session.id,
      details: { presented_generation: token.generation, current_generation: session.generation },
    });
    return outcome;
  }

  async function carryOut(tx: Tx, verdict: RefreshVerdict, { session, user, input }: Exchange): Promise<Outcome> {
    switch (verdict) {
      case "rotate":
      case "repeat": {
        const audiences = deps.audiences.forRefresh(input.audiences, audiencesOf(session));
        const next =
          verdict === "rotate"
            ? await sessions.rotate(tx, session, input.attemptId)
            : await sessions.repeat(tx, session);
        return { revision: null, grant: { session: next, user, issuedAt: tx.now, audiences } };
      }
      case "superseded":
        return refused("REFRESH_TOKEN_SUPERSEDED");
      case "reuse":
        return { revision: await endSession(tx, session), refused: "REFRESH_TOKEN_REUSED" };
      case "from_future":
        return refused("REFRESH_TOKEN_FROM_FUTURE");
    }
  }
}

/** The session and its user, locked in the order in which every write locks them. */
async function lockBoth(tx: Tx, sessionId: string): Promise<{ session: SessionRow; user: UserRow } | null> {
  const found = await findSession(tx.db, sessionId);
  if (found === null) return null;
  const [user, session] = await Promise.all([
    lockUser(tx, found.user_id),
    // Where there is one writer, nobody has changed it since.
    tx.locksRows ? lockSession(tx, sessionId) : found,
  ]);
  return session === null || user === null ? null : { session, user };
}

function refused(reason: Reason): Outcome {
  return { revision: null, refused: reason };
}

/** Who is refused for a clock that may be wrong is to come again: it may have been set right. */
function refusalOf(reason: Reason): Refusal {
  return new Refusal(reason, reason === "UNAVAILABLE" ? { retryAfterMs: CLOCK_RETRY_MS } : {});
}
