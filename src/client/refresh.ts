/**
 * One exchange of the refresh token, from the look into the store to the new record in it.
 *
 * The rules that keep honest users signed in:
 * - the attempt id is in the store before the request goes out, and stays there until the
 *   answer is in, so that a lost answer can be asked for again, by whoever comes next;
 * - the session is ended only on Sallyport's word, and only if the store still holds the
 *   very token that was refused;
 * - a token that the server calls superseded is not sent again: somebody has a newer one.
 */
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import type { RefreshResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Clock } from "../lib/clock.ts";
import type { Held, HeldSession } from "./held-session.ts";
import type { RandomBytes } from "./random-bytes.ts";
import { type Reason, reasonOf } from "./refusal-reason.ts";
import { accessFor, accessOf, type SessionRecord, successorOf } from "./session-record.ts";
import type { SessionStore } from "./session-store.ts";
import { type AccessToken, freshnessOf } from "./token-life.ts";
import type { Pause } from "./wait.ts";

/** Which access token is wanted. */
export type Want = {
  readonly sessionId: string;
  readonly audience: string;
  /** A token that will not do, because it was refused; empty if there is none. */
  readonly refused: string;
};

/**
 * Gets a fresh access token: one that somebody else put into the store meanwhile, or one
 * that it exchanges the refresh token for. `null` if the session is not there any more.
 * @throws ConnectError what Sallyport answered, or FAILED_PRECONDITION if another session began.
 */
export type Refresh = (want: Want) => Promise<AccessToken | null>;

/** Sends one exchange; see `createRefreshCall`. */
export type SendRefresh = (request: {
  readonly refreshToken: string;
  readonly attemptId: Uint8Array<ArrayBuffer>;
  readonly audiences: string[];
}) => Promise<RefreshResponse>;

/** The reasons that say that a session is over. Nothing else ends one. */
export const ENDING: ReadonlySet<Reason> = new Set<Reason>([
  "SESSION_ENDED",
  "REFRESH_TOKEN_INVALID",
  "REFRESH_TOKEN_EXPIRED",
  "REFRESH_TOKEN_REUSED",
  "REFRESH_TOKEN_FROM_FUTURE",
]);

/** As many bytes as the contract asks for at least. */
const ATTEMPT_BYTES = 16;
/** How often, and in what steps, to look for what another tab is about to store. */
const LOOKS = 20;
const LOOK_MS = 100;
/** So many others may come in between; then something else is wrong. */
const MOST_ROUNDS = 10;

type RefreshDeps = {
  readonly held: Pick<HeldSession, "read" | "swap" | "end">;
  readonly exclusively: SessionStore["exclusively"];
  readonly send: SendRefresh;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly pause: Pause;
};

/** A {@link Refresh}. */
export function createRefresh(deps: RefreshDeps): Refresh {
  const { held, exclusively, send, clock, randomBytes, pause } = deps;
  /** The last refresh token that the server called superseded. */
  let superseded: { readonly token: string; readonly error: unknown } | null = null;

  return (want) => exclusively(() => renew(want));

  async function renew(want: Want): Promise<AccessToken | null> {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const present = await presentFor(want);
      if (present === null) return null;
      const already = accessFor(present.record, want.audience);
      if (already !== null && isGood(already, want)) return already;
      const attempt = await withAttempt(present);
      const access = attempt === null ? null : await exchange(attempt, want);
      if (access !== null) return access;
    }
    throw new ConnectError("the stored session changes faster than it can be refreshed; retry", Code.Aborted);
  }

  async function presentFor({ sessionId }: Want): Promise<Held | null> {
    const present = await held.read();
    if (present !== null && present.record.sessionId !== sessionId)
      throw new ConnectError("another session began while this call was waiting; call again", Code.FailedPrecondition);
    return present;
  }

  function isGood(access: AccessToken, { refused }: Want): boolean {
    return access.token !== refused && freshnessOf(access, clock.now()) === "fresh";
  }

  /** The same session with an attempt under way; `null` if the store moved on. */
  async function withAttempt(present: Held): Promise<Held | null> {
    if (present.record.attemptId !== "") return present;
    return held.swap(present, { ...present.record, attemptId: base64Encode(randomBytes(ATTEMPT_BYTES), "url") });
  }

  /** The token that came of it; `null` if there is something newer in the store to look at. */
  async function exchange(attempt: Held, want: Want): Promise<AccessToken | null> {
    const { refreshToken, attemptId } = attempt.record;
    if (superseded?.token === refreshToken) return awaitNewer(attempt, superseded.error, 1);
    const since = clock.now();
    const audiences = want.audience === "" ? [] : [want.audience];
    try {
      const tokens = await send({ refreshToken, attemptId: base64Decode(attemptId), audiences });
      return await keep(attempt, { tokens, audience: want.audience, since });
    } catch (error) {
      const reason = reasonOf(error)?.reason ?? null;
      if (reason === "REFRESH_TOKEN_SUPERSEDED") {
        superseded = { token: refreshToken, error };
        return awaitNewer(attempt, error, LOOKS);
      }
      if (reason === null || !ENDING.has(reason) || (await held.end(attempt, reason))) throw error;
      return null;
    }
  }

  /** Stores what was answered, unless the store has moved as far or farther by itself. The token is good anyhow. */
  async function keep(attempt: Held, answer: Parameters<typeof accessOf>[0]): Promise<AccessToken | null> {
    const next = successorOf(attempt.record, answer);
    let from: Held | null = attempt;
    while (from !== null && isSuccessor(next, from.record)) {
      if ((await held.swap(from, next)) !== null) break;
      from = await held.read();
    }
    return from?.record.sessionId === next.sessionId ? accessOf(answer) : null;
  }

  /** Waits a little until the store holds a newer token than the one that was superseded. */
  async function awaitNewer({ record }: Held, error: unknown, looks: number): Promise<null> {
    for (let look = 0; look < looks; look += 1) {
      const present = await held.read();
      if (present?.record.refreshToken !== record.refreshToken) return null;
      if (look + 1 < looks) await pause(LOOK_MS);
    }
    throw error;
  }
}

function isSuccessor(next: SessionRecord, of: SessionRecord): boolean {
  return next.sessionId === of.sessionId && next.generation > of.generation;
}
