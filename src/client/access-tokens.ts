/**
 * The access tokens that calls carry: one refresh for all calls that need the same token,
 * early enough that calls seldom wait, and rarely enough that a service which is down or
 * wrong is not flooded.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../lib/clock.ts";
import type { HeldSession } from "./held-session.ts";
import { jittered, type RandomBytes } from "./random-bytes.ts";
import type { Refresh, Want } from "./refresh.ts";
import { reasonOf } from "./refusal-reason.ts";
import { accessFor } from "./session-record.ts";
import { type AccessToken, freshnessOf } from "./token-life.ts";

/** A token, and the session that it speaks for. */
export type Carried = { readonly sessionId: string; readonly access: AccessToken };

/** Access tokens for calls. */
export type AccessTokens = {
  /** The token to send to an audience (empty: all of the session's); `null` if nobody is signed in. */
  readonly current: (audience: string) => Promise<Carried | null>;
  /**
   * Another token than the one that was refused; `null` if there is none to be had, because the
   * session is gone, or because new tokens were refused as well moments ago.
   * @throws ConnectError why it could not be refreshed.
   */
  readonly instead: (refused: Carried) => Promise<Carried | null>;
  /** Another token than the present one, whatever is known of that. */
  readonly anew: (audience: string) => Promise<Carried | null>;
  /** Says that a token was refused which had just been fetched in place of another. */
  readonly refusedAgain: (audience: string) => void;
  /** Says that a token was refused to a call that cannot be sent again, such as a stream: the next call shall not carry it. */
  readonly refusedForGood: (refused: Carried) => void;
};

/** How long refusals of an audience are taken as they are, once a brand-new token was refused there. */
const DISTRUST_MS = 5_000;
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 30_000;

/** Since when, and how long, no refresh of a session is tried, and what became of the last one. */
type Resting = {
  readonly sessionId: string;
  readonly since: number;
  readonly forMs: number;
  readonly error: unknown;
};

/** {@link AccessTokens} of the held session. */
export function createAccessTokens(deps: {
  readonly held: Pick<HeldSession, "read">;
  readonly refresh: Refresh;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}): AccessTokens {
  const { held, refresh, clock, randomBytes } = deps;
  const running = new Map<string, Promise<AccessToken | null>>();
  const distrusted = new Map<string, number>();
  /** For each audience, the token that the next call shall not carry, and the one that took such a token's place. */
  const shunned = new Map<string, string>();
  const replacements = new Map<string, { readonly token: string; readonly since: number }>();
  let failures = 0;
  let resting: Resting | null = null;

  async function current(audience: string): Promise<Carried | null> {
    const present = await held.read();
    if (present === null) return null;
    const { sessionId } = present.record;
    const access = accessFor(present.record, audience);
    if (access !== null && isShunned(access)) return replaced({ sessionId, access });
    const freshness = access === null ? "over" : freshnessOf(access, clock.now());
    if (access === null || freshness === "over")
      return carried(sessionId, await joined({ sessionId, audience, refused: "" }));
    // It is still good: nobody waits for the next one, and nobody minds if that cannot be had yet.
    if (freshness === "ending") joined({ sessionId, audience, refused: "" }).catch(() => undefined);
    return { sessionId, access };
  }

  async function instead({ sessionId, access: { audience, token } }: Carried): Promise<Carried | null> {
    if (isWithin(distrusted.get(audience), DISTRUST_MS)) return null;
    const present = await held.read();
    if (present?.record.sessionId !== sessionId) return null;
    const want = { sessionId, audience, refused: token };
    const access = await joined(want);
    // What was under way may have brought the very token that was refused.
    return carried(sessionId, access?.token === token ? await joined(want) : access);
  }

  function isShunned({ audience, token }: AccessToken): boolean {
    return shunned.get(audience) === token && !isWithin(distrusted.get(audience), DISTRUST_MS);
  }

  async function replaced(refused: Carried): Promise<Carried | null> {
    const { audience } = refused.access;
    const other = await instead(refused);
    shunned.delete(audience);
    if (other !== null) replacements.set(audience, { token: other.access.token, since: clock.now() });
    return other;
  }

  function refusedForGood({ access: { audience, token } }: Carried): void {
    const last = replacements.get(audience);
    // A backend that is wrong about all tokens gets a new one now and then, and not for each call.
    if (last?.token === token && isWithin(last.since, DISTRUST_MS)) return;
    shunned.set(audience, token);
  }

  async function anew(audience: string): Promise<Carried | null> {
    const present = await held.read();
    if (present === null) return null;
    const { sessionId } = present.record;
    const refused = accessFor(present.record, audience)?.token ?? "";
    return carried(sessionId, await joined({ sessionId, audience, refused }));
  }

  /** One refresh for all who want the same. Async, so that whoever waits for nothing sees no throw either. */
  async function joined(want: Want): Promise<AccessToken | null> {
    const name = `${want.sessionId} ${want.audience}`;
    const present = running.get(name);
    if (present !== undefined) return present;
    if (resting?.sessionId === want.sessionId && isWithin(resting.since, resting.forMs)) throw resting.error;
    const mine = refresh(want)
      .then(succeeded, (error: unknown) => failed(error, want.sessionId))
      .finally(() => running.delete(name));
    running.set(name, mine);
    return mine;
  }

  function succeeded(access: AccessToken | null): AccessToken | null {
    failures = 0;
    resting = null;
    return access;
  }

  /** What may pass by itself is not tried again at once. */
  function failed(error: unknown, sessionId: string): never {
    if (mayPass(error)) {
      const asked = Math.min(reasonOf(error)?.retryAfterMs ?? 0, LONGEST_BACKOFF_MS);
      const backoff = jittered(Math.min(FIRST_BACKOFF_MS * 2 ** failures, LONGEST_BACKOFF_MS), randomBytes);
      failures += 1;
      resting = { sessionId, since: clock.now(), forMs: Math.max(asked, backoff), error };
    }
    throw error;
  }

  /** A clock that was put back meanwhile makes nobody wait longer. */
  function isWithin(since: number | undefined, forMs: number): boolean {
    const passed = clock.now() - (since ?? Number.NEGATIVE_INFINITY);
    return passed >= 0 && passed < forMs;
  }

  return {
    current,
    instead,
    anew,
    refusedAgain: (audience) => void distrusted.set(audience, clock.now()),
    refusedForGood,
  };
}

function carried(sessionId: string, access: AccessToken | null): Carried | null {
  return access === null ? null : { sessionId, access };
}

const PASSING: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Internal,
  Code.Aborted,
]);
/** Codes of what this client itself finds wrong. */
const OWN: ReadonlySet<Code> = new Set([Code.FailedPrecondition, Code.Canceled]);

/** Whether the service was down, busy or overtaken, or something on the way to it answered in its place. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  return reasonOf(error) === null ? !OWN.has(error.code) : PASSING.has(error.code);
}
