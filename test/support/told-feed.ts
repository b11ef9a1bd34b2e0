/** A feed that the test itself tells, and what a reader has made of it. No server, no network. */
import { create } from "@bufbuild/protobuf";
import {
  type BatchEntry,
  BatchEntrySchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { ENTRY_WORDS, type IdTable } from "../../src/check/id-table.ts";
import { createKnowledge, type Knowledge, type LogEntry } from "../../src/check/knowledge.ts";
import type { Revision } from "../../src/check/revision.ts";
import { createRevocationSet, type RevocationTables } from "../../src/check/revocation-set.ts";
import type { RoleGrants } from "../../src/check/role-table.ts";
import { type FeedEntry, type FeedEvent, isPart, snapshotEvents } from "../../src/feed/feed-event.ts";
import { createFeedMessages, type FeedKeys, toStarted } from "../../src/feed/feed-messages.ts";
import { createFeedReader, type FeedChange } from "../../src/verifier/feed-reader.ts";
import { createKeyTable, type KeyTable } from "../../src/verifier/key-table.ts";
import { type BenchKey, MAX_TTL_MS } from "./check-bench.ts";

/** Somewhere in the log that the told feed is about. */
export const at = (number: number, logId = "log"): Revision => ({ logId, number });

/** The time of every told feed, in milliseconds. */
export const TOLD_AT = 1_800_000_000_000;
/** When everything that is told may be forgotten. */
export const FORGOTTEN_AT = TOLD_AT + MAX_TTL_MS;

/** Speaks as a server does that has these keys. */
export function createTeller(keys: readonly BenchKey[]) {
  const feedKeys: FeedKeys = { publicKeys: () => keys, maxAccessTtlMs: () => MAX_TTL_MS };
  const toMessage = createFeedMessages(feedKeys);
  const tell = (event: FeedEvent, parts = 0): WatchResponse => toMessage(event, parts);
  return {
    tell,
    started: () => toStarted("http://sallyport.test", 1000, TOLD_AT),
    batch: (from: Revision, through: number, ...entries: FeedEntry[]) =>
      tell({ kind: "batch", logId: from.logId, from: from.number, through, entries }),
    checkpoint: (revision: Revision, asOf = TOLD_AT, time = TOLD_AT) =>
      tell({ kind: "checkpoint", revision, asOf, time }),
    /** A snapshot of these entries, as messages. */
    async snapshot(revision: Revision, roles: readonly RoleGrants[], entries: readonly LogEntry[]) {
      const set = createRevocationSet();
      for (const entry of entries) if (entry.kind !== "role_changed") set.note(entry);
      const messages: WatchResponse[] = [];
      let parts = 0;
      for await (const event of snapshotEvents(revision, roles, set.tables())) {
        if (isPart(event)) parts += 1;
        messages.push(tell(event, parts));
      }
      return messages;
    },
  };
}

/** A reader, and what it has learned. */
export function createListener(knowledge: Knowledge = createKnowledge(), keys: KeyTable = createKeyTable()) {
  const changes: FeedChange[] = [];
  const confirmed: number[] = [];
  /** A reader of another call. */
  const call = () =>
    createFeedReader({
      knowledge,
      keys,
      onStarted() {},
      onChange: (change) => void changes.push(change),
      onCheckpoint: (asOf) => void confirmed.push(asOf),
    });
  return { knowledge, keys, changes, confirmed, call, state: () => stateOf(knowledge, keys) };
}

/** All that is known, in a form that can be compared. */
export function stateOf(
  knowledge: Pick<Knowledge, "logId" | "revision" | "roles" | "revocations">,
  keys: Pick<KeyTable, "list" | "maxTtlMs">,
) {
  return {
    at: at(knowledge.revision(), knowledge.logId()),
    roles: Object.fromEntries(knowledge.roles.list().map(({ name, grants }) => [name, [...grants].sort()])),
    keys: keys
      .list()
      .map(({ kid }) => kid)
      .sort(),
    ...entriesOf(knowledge.revocations.tables()),
  };
}

/** The same without the entries that may be forgotten at this time: whether somebody has yet, is nobody's business. */
export function livingAt<State extends { readonly sessions: readonly string[]; readonly users: readonly string[] }>(
  now: number,
  state: State,
): State {
  const isLiving = (entry: string) => Number(entry.split(" ").at(-1)) * 1000 > now;
  return { ...state, sessions: state.sessions.filter(isLiving), users: state.users.filter(isLiving) };
}

/** The entries of both tables, in order. */
export function entriesOf({ sessions, users }: RevocationTables) {
  return { sessions: listOf(sessions), users: listOf(users) };
}

function listOf(table: IdTable): readonly string[] {
  return [...table.entries()]
    .flatMap((part) =>
      Array.from({ length: part.length / ENTRY_WORDS }, (_, index) =>
        [...part.subarray(index * ENTRY_WORDS, (index + 1) * ENTRY_WORDS)].join(" "),
      ),
    )
    .sort();
}

/** The same message with another event in it. */
export function altered<Case extends NonNullable<WatchResponse["event"]["case"]>>(
  message: WatchResponse,
  kind: Case,
  change: Partial<Extract<WatchResponse["event"], { case: Case }>["value"]>,
): WatchResponse {
  if (message.event.case !== kind) throw new Error(`the message is no ${kind}`);
  const value = { ...message.event.value, ...change };
  return { ...message, event: { case: kind, value } as WatchResponse["event"] };
}

/** An entry of a kind that nobody knows yet, as this version reads it. */
export const unknownEntry = (): BatchEntry => create(BatchEntrySchema, {});

/** An event of a kind that nobody knows yet, as this version reads it. */
export const unknownEvent = (): WatchResponse => create(WatchResponseSchema, {});
