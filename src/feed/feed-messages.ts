/** What watchers are told, as messages of the contract. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { RevisionSchema } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import {
  type BatchEntrySchema,
  StartOverReason,
  type VerificationKeysSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { ENTRY_WORDS } from "../check/id-table.ts";
import type { Revision } from "../check/revision.ts";
import type { VerificationKey } from "../check/verification-keys.ts";
import { ID_WORDS } from "../lib/id-words.ts";
import type { FeedEntry, FeedEvent } from "./feed-event.ts";

/** The keys of access tokens, and the longest life of a token in milliseconds. */
export type FeedKeys = {
  readonly publicKeys: () => readonly VerificationKey[];
  readonly maxAccessTtlMs: () => number;
};

type EventInit = NonNullable<MessageInitShape<typeof WatchResponseSchema>["event"]>;

/** The first message: times in milliseconds. */
export function toStarted(issuer: string, checkpointMs: number, now: number): WatchResponse {
  const value = { issuer, checkpointInterval: durationFromMs(checkpointMs), serverTime: timestampFromMs(now) };
  return create(WatchResponseSchema, { event: { case: "started", value } });
}

/** Makes messages; one for all watchers who are told the same. */
export function createFeedMessages(keys: FeedKeys): (event: FeedEvent, parts: number) => WatchResponse {
  let last: {
    readonly logId: string;
    readonly from: number;
    readonly through: number;
    readonly message: WatchResponse;
  } | null = null;

  return function toMessage(event, parts) {
    if (event.kind !== "batch") return create(WatchResponseSchema, { event: toEvent(event, parts, keys) });
    const { logId, from, through } = event;
    if (last === null || last.logId !== logId || last.from !== from || last.through !== through)
      last = { logId, from, through, message: create(WatchResponseSchema, { event: toEvent(event, parts, keys) }) };
    return last.message;
  };
}

function toEvent(event: FeedEvent, parts: number, keys: FeedKeys): EventInit {
  switch (event.kind) {
    case "start_over":
      return { case: "startOver", value: { reason: StartOverReason[event.reason] } };
    case "snapshot_begin":
      return { case: "snapshot", value: { revision: toRevision(event.revision), keys: toKeys(keys) } };
    case "snapshot_roles": {
      const roles = event.roles.map(({ name, grants }) => ({ name, permissions: [...grants] }));
      return { case: "roles", value: { roles } };
    }
    case "snapshot_sessions": {
      const { ids, baseTime, expireAfterSeconds } = toColumns(event.entries);
      return { case: "endedSessions", value: { ids, baseTime, expireAfterSeconds } };
    }
    case "snapshot_users":
      return { case: "userEpochs", value: toColumns(event.entries) };
    case "snapshot_end":
      return { case: "snapshotEnd", value: { revision: toRevision(event.revision), parts } };
    case "batch": {
      const { logId, from, through } = event;
      const value = {
        from: toRevision({ logId, number: from }),
        through: toRevision({ logId, number: through }),
        entries: event.entries.map((entry) => toBatchEntry(entry, keys)),
      };
      return { case: "batch", value };
    }
    case "checkpoint": {
      const times = { asOf: timestampFromMs(event.asOf), serverTime: timestampFromMs(event.time) };
      return { case: "checkpoint", value: { revision: toRevision(event.revision), ...times } };
    }
  }
}

function toBatchEntry(entry: FeedEntry, keys: FeedKeys): MessageInitShape<typeof BatchEntrySchema> {
  switch (entry.kind) {
    case "session_ended": {
      const value = { sessionId: entry.sessionId, expireTime: timestampFromMs(entry.expiresAt) };
      return { change: { case: "sessionEnded", value } };
    }
    case "user_epoch": {
      const value = { userId: entry.userId, epoch: entry.epoch, expireTime: timestampFromMs(entry.expiresAt) };
      return { change: { case: "userEpochRaised", value } };
    }
    case "role_changed":
      if (entry.grants === null) return { change: { case: "roleDeleted", value: entry.role } };
      return { change: { case: "roleSet", value: { name: entry.role, permissions: [...entry.grants] } } };
    case "keys_changed":
      return { change: { case: "keys", value: toKeys(keys) } };
  }
}

function toKeys({ publicKeys, maxAccessTtlMs }: FeedKeys): MessageInitShape<typeof VerificationKeysSchema> {
  const keys = publicKeys().map(({ kid, algorithm, publicKey }) => ({
    id: kid,
    algorithm,
    spki: publicKey.export({ type: "spki", format: "der" }),
  }));
  return { keys, maxTokenLife: durationFromMs(maxAccessTtlMs()) };
}

/** Entries of a table, as a column for each of their parts. */
function toColumns(entries: Uint32Array) {
  const count = entries.length / ENTRY_WORDS;
  const ids = new Uint8Array(count * ID_WORDS * 4);
  const bytes = new DataView(ids.buffer);
  const epochs = new Array<number>(count);
  const expiries = new Array<number>(count);
  for (let index = 0; index < count; index += 1) {
    const at = index * ENTRY_WORDS;
    for (let word = 0; word < ID_WORDS; word += 1)
      bytes.setUint32((index * ID_WORDS + word) * 4, entries[at + word] ?? 0);
    epochs[index] = entries[at + ID_WORDS] ?? 0;
    expiries[index] = entries[at + ID_WORDS + 1] ?? 0;
  }
  const base = expiries.reduce((least, expiry) => Math.min(least, expiry), Number.POSITIVE_INFINITY);
  return {
    ids,
    epochs,
    baseTime: timestampFromMs(count === 0 ? 0 : base * 1000),
    expireAfterSeconds: expiries.map((expiry) => expiry - base),
  };
}

function toRevision({ logId, number }: Revision) {
  return create(RevisionSchema, { logId, number: BigInt(number) });
}
