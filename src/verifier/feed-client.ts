/**
 * Keeps a call of `VerifierService.Watch` open: calls, reads, and calls again for as long as
 * it takes. What is known stays whatever becomes of a call; a call goes on where the last
 * one stopped, unless what it told could not be.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { VerifierService } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { Revision } from "../check/revision.ts";
import { timeoutAfterReads } from "../lib/timeout-after-reads.ts";
import { createBackoff } from "./backoff.ts";
import type { FeedReader } from "./feed-reader.ts";
import type { Pace } from "./pace.ts";

/** Checkpoints that may fail to come before the call is given up. */
const MISSED_CHECKPOINTS = 3;
/** So far behind the time that is taken for the server's, its messages give reason to doubt that time, in milliseconds. */
const DOUBTFUL_MS = 1_000;

/** What becomes of the calls. */
export type FeedClientEvents = {
  /** The call was accepted. */
  readonly onConnected: () => void;
  /** The call is over; another one follows in `retryInMs`. */
  readonly onDisconnected: (error: Error, retryInMs: number) => void;
  /** The credential is no good. */
  readonly onRefused: (error: Error) => void;
};

type FeedClientDeps = FeedClientEvents & {
  readonly client: Pick<Client<typeof VerifierService>, "watch">;
  readonly apiKey: string;
  /** Drops the connection, if it is ours, so that the next call has a new one. */
  readonly dropConnection: () => void;
  /** What to go on from; `null` to begin with a snapshot. */
  readonly position: () => Revision | null;
  /** Reads one call; `calledAt` is when it was made, by `tick`. */
  readonly createReader: (calledAt: number) => FeedReader;
  /** Time between checkpoints as the server announced it, in milliseconds. */
  readonly checkpointMs: () => number;
  /** Whether knowledge is older than the bound although the call is open. */
  readonly isStale: () => boolean;
  /** How far the last message was behind what is taken for the server's time, in milliseconds. */
  readonly doubtMs: () => number;
  readonly pace: Pace;
  readonly tick: () => number;
  readonly random: () => number;
};

/** Follows the feed until it is stopped; resolves then, with nothing left running. */
export type FeedClient = { readonly run: (signal: AbortSignal) => Promise<void> };

/** A {@link FeedClient}. */
export function createFeedClient(deps: FeedClientDeps): FeedClient {
  const { client, apiKey, dropConnection, position, createReader, checkpointMs, isStale, pace, tick, random } = deps;
  const backoff = createBackoff(pace.firstRetryMs, pace.mostRetryMs, random);
  const refusedBackoff = createBackoff(pace.firstRefusedMs, pace.mostRefusedMs, random);
  let mustResync = false;
  let isRefused = false;

  /** One call, until another should take its place; the server never ends it well. */
  async function follow(signal: AbortSignal): Promise<void> {
    const call = new AbortController();
    const stop = () => call.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    const watchdog = createWatchdog(() => {
      call.abort(new Error("the feed has fallen silent"));
      dropConnection();
    });
    try {
      await readCall(call.signal, watchdog.expect);
    } catch (error) {
      // The reason tells more than the "cancelled" that it becomes.
      throw call.signal.aborted && call.signal.reason instanceof Error ? call.signal.reason : error;
    } finally {
      watchdog.stop();
      signal.removeEventListener("abort", stop);
      call.abort();
    }
  }

  async function readCall(signal: AbortSignal, expectWithin: (milliseconds: number) => void): Promise<void> {
    expectWithin(pace.startMs);
    const calledAt = tick();
    const read = createReader(calledAt);
    const isOver = isOverAt(calledAt);
    const after = position();
    const request =
      after === null ? {} : { after: { logId: after.logId, number: BigInt(after.number) }, snapshot: mustResync };
    for await (const message of client.watch(request, { headers: { authorization: `Bearer ${apiKey}` }, signal })) {
      readOrResync(read, message);
      expectWithin(Math.max(pace.silenceMs, checkpointMs() * MISSED_CHECKPOINTS));
      if (message.event.case === "started") connected();
      if (message.event.case !== "checkpoint") continue;
      settled();
      if (isOver()) return;
    }
    throw new Error("the server ended the feed");
  }

  /** Whether another call should take the place of the one that was made at `calledAt`: to measure the server's time anew. */
  function isOverAt(calledAt: number): () => boolean {
    const renewMs = pace.renewMs * (0.5 + random() / 2);
    return function isOver() {
      const age = tick() - calledAt;
      return age > renewMs || (age > pace.doubtMs && deps.doubtMs() > DOUBTFUL_MS);
    };
  }

  function readOrResync(read: FeedReader, message: Parameters<FeedReader>[0]): void {
    try {
      read(message);
    } catch (error) {
      mustResync = true;
      throw error;
    }
  }

  function connected(): void {
    isRefused = false;
    refusedBackoff.reset();
    deps.onConnected();
  }

  /** A server that is cut off from its database says so, and another one may not be; as it may if its clock was put back. */
  function settled(): void {
    mustResync = false;
    if (isStale()) throw new Error("the server cannot confirm that its knowledge is new");
    backoff.reset();
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        await pauseAfter(toError(error), signal).catch(() => {});
      }
    }
  }

  function pauseAfter(error: Error, signal: AbortSignal): Promise<void> {
    if (!isRefusal(error)) {
      // Behind one address there may be many servers: another connection may lead to one that is better off.
      dropConnection();
      const retryInMs = backoff.next();
      deps.onDisconnected(error, retryInMs);
      return sleep(retryInMs, undefined, { signal });
    }
    if (!isRefused) deps.onRefused(error);
    isRefused = true;
    return sleep(refusedBackoff.next(), undefined, { signal });
  }

  return { run };
}

function isRefusal(error: Error): boolean {
  return error instanceof ConnectError && (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Calls `bite` unless it is told again in time to expect something. */
function createWatchdog(bite: () => void) {
  let stop = () => {};
  return {
    expect(withinMs: number): void {
      stop();
      stop = timeoutAfterReads(bite, withinMs);
    },
    stop: () => stop(),
  };
}
