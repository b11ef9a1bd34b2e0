/**
 * What a verifier knows, and how well: knowledge as the feed or a bundle tells it, whose
 * tokens it is about, and how old it is by Sallyport's own clock.
 */
import type { WatchResponse } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { type Checker, createChecker } from "../check/checker.ts";
import { createKnowledge } from "../check/knowledge.ts";
import type { Revision } from "../check/revision.ts";
import { isPart, snapshotEvents } from "../feed/feed-event.ts";
import { createFeedMessages, toStarted } from "../feed/feed-messages.ts";
import { createFeedReader, FeedBroken, type FeedChange, type FeedReader } from "./feed-reader.ts";
import { createKeyTable } from "./key-table.ts";
import type { ServerTime } from "./server-time.ts";

/** Knowledge and how old it is. Times are milliseconds, by Sallyport's clock. */
export type HeldKnowledge = {
  readonly check: Checker["check"];
  /** Reads a call that was made at `calledAt`, a tick; a bundle, whose times are past, if that is `null`. */
  readonly createReader: (calledAt: number | null) => FeedReader;
  /** `null` before the first snapshot. */
  readonly revision: () => Revision | null;
  /** Infinite before the first snapshot. */
  readonly stalenessMs: () => number;
  readonly asOf: () => number;
  /** Whether a feed has confirmed it since this process started, and not a bundle alone. */
  readonly isConfirmed: () => boolean;
  /** Time between checkpoints as the server announced it. */
  readonly checkpointMs: () => number;
  /** Drops what concerns only tokens that have expired. */
  readonly forget: () => void;
  /** Everything, as messages that a reader takes. */
  readonly messages: () => AsyncIterable<WatchResponse>;
};

/**
 * Entries are kept for so long after all tokens that they concern have expired, in milliseconds: two servers
 * that are in order may tell times that are 10 s apart, and the verifier's own idea of the time may go back.
 */
const KEPT_MS = 30_000;

type HeldKnowledgeDeps = {
  readonly serverTime: ServerTime;
  readonly stalenessBoundMs: number;
  readonly cacheCapacity: number;
  /** Called after each change, and each confirmation. */
  readonly onChange: (change: FeedChange) => void;
  readonly onConfirmed: () => void;
};

/** {@link HeldKnowledge} of nothing. */
export function createHeldKnowledge(deps: HeldKnowledgeDeps): HeldKnowledge {
  const { serverTime, stalenessBoundMs, cacheCapacity, onChange, onConfirmed } = deps;
  const knowledge = createKnowledge();
  const keys = createKeyTable();
  let issuer = "";
  let confirmedAt = 0;
  let isConfirmed = false;
  let checkpointMs = 0;
  /** What concerns only tokens that expired before is gone. */
  let forgottenBy = 0;
  let checker = checkerOf(issuer);

  /** Tokens that were verified for one issuer are none of another's. */
  function checkerOf(issuer: string): Checker {
    return createChecker({
      keys,
      issuer,
      maxTtlMs: keys.maxTtlMs,
      revocations: knowledge.revocations,
      roles: knowledge.roles,
      clock: serverTime,
      asOf: () => confirmedAt,
      stalenessBoundMs,
      cacheCapacity,
    });
  }

  function createReader(calledAt: number | null): FeedReader {
    return createFeedReader({
      knowledge,
      keys,
      onStarted(statedIssuer, interval, time) {
        if (statedIssuer !== issuer) checker = checkerOf(statedIssuer);
        issuer = statedIssuer;
        checkpointMs = interval;
        if (calledAt === null) return;
        // Another server's clock makes nothing younger that was old by the last one's.
        const age = stalenessMs();
        serverTime.start(calledAt, time);
        if (confirmedAt !== 0) confirmedAt = Math.min(confirmedAt, Math.floor(serverTime.now() - age));
      },
      onChange,
      onCheckpoint(asOf, time) {
        if (calledAt !== null) serverTime.hear(time);
        isConfirmed = calledAt !== null;
        // The server that speaks now is the one that is believed, though another one was ahead of it.
        confirmedAt = Math.min(asOf, time);
        // A clock that was ahead made us forget what still matters.
        if (time < forgottenBy) {
          forgottenBy = 0;
          throw new FeedBroken("the server's clock was put back, and what was forgotten by it may still matter");
        }
        onConfirmed();
      },
    });
  }

  function stalenessMs(): number {
    if (knowledge.logId() === "" || confirmedAt === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, serverTime.now() - confirmedAt);
  }

  const revision = (): Revision | null =>
    knowledge.logId() === "" ? null : { logId: knowledge.logId(), number: knowledge.revision() };

  async function* messages(): AsyncGenerator<WatchResponse> {
    const begin = revision();
    if (begin === null) return;
    const time = Math.floor(serverTime.now());
    const asOf = confirmedAt;
    const toMessage = createFeedMessages({ publicKeys: keys.list, maxAccessTtlMs: keys.maxTtlMs });
    yield toStarted(issuer, checkpointMs, time);
    let parts = 0;
    for await (const event of snapshotEvents(begin, knowledge.roles.list(), knowledge.revocations.tables())) {
      if (isPart(event)) parts += 1;
      yield toMessage(event, parts);
    }
    yield toMessage({ kind: "checkpoint", revision: begin, asOf, time }, parts);
  }

  return {
    check: (question) => checker.check(question),
    createReader,
    revision,
    stalenessMs,
    asOf: () => confirmedAt,
    isConfirmed: () => isConfirmed,
    checkpointMs: () => checkpointMs,
    // By what a server has said, not by what is made of it.
    forget() {
      forgottenBy = Math.max(forgottenBy, confirmedAt - KEPT_MS);
      knowledge.revocations.forget(forgottenBy);
    },
    messages,
  };
}
