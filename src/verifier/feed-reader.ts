/**
 * Turns what the feed tells into knowledge, and takes nothing on trust: a batch must join,
 * a snapshot must be whole before it counts, and what is known stays until then.
 */
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Revision as RevisionMessage } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import {
  type Batch,
  type BatchEntry,
  type EndedSessions,
  type Snapshot,
  StartOverReason,
  type UserEpochs,
  type WatchResponse,
} from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { Knowledge, LogEntry } from "../check/knowledge.ts";
import type { Revision } from "../check/revision.ts";
import { createRevocationTables, expirySeconds, type RevocationTables } from "../check/revocation-set.ts";
import type { RoleGrants } from "../check/role-table.ts";
import { ID_WORDS } from "../lib/id-words.ts";
import type { KeyTable } from "./key-table.ts";

/** The feed says what cannot be. Whoever reads it must call again, and begin with a snapshot. */
export class FeedBroken extends Error {
  override readonly name = "FeedBroken";
}

/** Whom the knowledge has changed for. */
export type FeedChange =
  | { readonly kind: "batch"; readonly entries: readonly LogEntry[]; readonly hasKeys: boolean }
  | { readonly kind: "resynced"; readonly reason: string };

/** Reads one call's messages in their order. */
export type FeedReader = (message: WatchResponse) => void;

type FeedReaderDeps = {
  readonly knowledge: Knowledge;
  readonly keys: KeyTable;
  /** The call was accepted: who issues tokens, the time between checkpoints and the server's time, in milliseconds. */
  readonly onStarted: (issuer: string, checkpointMs: number, serverTime: number) => void;
  readonly onChange: (change: FeedChange) => void;
  /** Nothing newer existed at `asOf`, says the server at `serverTime`, in milliseconds. */
  readonly onCheckpoint: (asOf: number, serverTime: number) => void;
};

/** A snapshot that is not complete. */
type Pending = {
  readonly snapshot: Snapshot;
  readonly tables: RevocationTables;
  readonly roles: RoleGrants[];
  readonly reason: string;
  parts: number;
};

/**
 * A {@link FeedReader} of a new call. @throws FeedBroken for what cannot be, and what is thrown for
 * a key that cannot be used; nothing has changed by that message then.
 */
export function createFeedReader(deps: FeedReaderDeps): FeedReader {
  const { knowledge, keys, onStarted, onChange, onCheckpoint } = deps;
  let isStarted = false;
  let pending: Pending | null = null;
  let reason: string | null = null;

  function parts(): Pending {
    if (pending === null) throw new FeedBroken("a part of a snapshot came without its beginning");
    pending.parts += 1;
    return pending;
  }

  function finish(revision: Revision, parts: number): void {
    if (pending === null) throw new FeedBroken("the end of a snapshot came without its beginning");
    const { snapshot, tables, roles, reason } = pending;
    if (!isSame(revision, fromMessage(snapshot.revision)) || pending.parts !== parts)
      throw new FeedBroken(`${parts} parts of the snapshot were sent, and ${pending.parts} came`);
    if (snapshot.keys === undefined) throw new FeedBroken("the snapshot has no keys");
    pending = null;
    keys.replace(snapshot.keys);
    knowledge.restart({ logId: revision.logId, revision: revision.number, roles, revocations: tables });
    onChange({ kind: "resynced", reason });
  }

  function join({ from, through, entries }: Batch): void {
    const position = standing();
    const to = fromMessage(through);
    if (!isSame(fromMessage(from), position) || to.logId !== position.logId || to.number < position.number)
      throw new FeedBroken("a batch does not join");
    const changes = entries.flatMap(toLogEntry);
    // Each of them is about all keys.
    const newKeys = entries.findLast(({ change }) => change.case === "keys")?.change;
    if (newKeys?.case === "keys") keys.replace(newKeys.value);
    knowledge.advance(to.number, changes);
    onChange({ kind: "batch", entries: changes, hasKeys: newKeys !== undefined });
  }

  /** Where knowledge stands, while it may be built upon. */
  function standing(): Revision {
    if (pending !== null || reason !== null || knowledge.logId() === "")
      throw new FeedBroken("news came in place of a snapshot");
    return { logId: knowledge.logId(), number: knowledge.revision() };
  }

  return function read({ event }) {
    if (isStarted === (event.case === "started")) throw new FeedBroken("the feed does not begin as it should");
    switch (event.case) {
      case "started": {
        const { issuer, checkpointInterval, serverTime } = event.value;
        isStarted = true;
        onStarted(issuer, secondsOf(checkpointInterval) * 1000, timeOf(serverTime));
        return;
      }
      case "startOver":
        pending = null;
        reason = START_OVER[event.value.reason] ?? "the server says so";
        return;
      case "snapshot":
        pending = {
          snapshot: event.value,
          tables: createRevocationTables(),
          roles: [],
          reason: reason ?? (knowledge.logId() === "" ? "first snapshot" : "what the feed told did not join"),
          parts: 0,
        };
        reason = null;
        return;
      case "roles":
        parts().roles.push(...event.value.roles.map(({ name, permissions }) => ({ name, grants: permissions })));
        return;
      case "endedSessions":
        return takeSessions(event.value, parts().tables);
      case "userEpochs":
        return takeUsers(event.value, parts().tables);
      case "snapshotEnd":
        return finish(fromMessage(event.value.revision), event.value.parts);
      case "batch":
        return join(event.value);
      case "checkpoint": {
        const { revision, asOf, serverTime } = event.value;
        if (!isSame(fromMessage(revision), standing())) throw new FeedBroken("a checkpoint is of another revision");
        return onCheckpoint(timeOf(asOf), timeOf(serverTime));
      }
      case undefined:
        // Something that a later version tells beside the log: all that a check must know of is in batches.
        return;
    }
  };
}

const START_OVER: Readonly<Record<number, string>> = {
  [StartOverReason.LOG_REPLACED]: "the database was put back in time",
  [StartOverReason.TOO_OLD]: "the server no longer has what came since",
  [StartOverReason.UNKNOWN]: "the server has not got the revision",
};

function toLogEntry({ change }: BatchEntry): LogEntry | [] {
  switch (change.case) {
    case "sessionEnded":
      return { kind: "session_ended", sessionId: change.value.sessionId, expiresAt: timeOf(change.value.expireTime) };
    case "userEpochRaised": {
      const { userId, epoch, expireTime } = change.value;
      return { kind: "user_epoch", userId, epoch, expiresAt: timeOf(expireTime) };
    }
    case "roleSet":
      return { kind: "role_changed", role: change.value.name, grants: change.value.permissions };
    case "roleDeleted":
      return { kind: "role_changed", role: change.value, grants: null };
    case "keys":
      return [];
    case undefined:
      // Whoever does not know of it cannot tell what it forbids.
      throw new FeedBroken("the log has an entry of a kind that this version does not know; update it");
  }
}

function takeSessions({ ids, baseTime, expireAfterSeconds }: EndedSessions, { sessions }: RevocationTables): void {
  const words = wordsOf(ids, expireAfterSeconds.length);
  const base = expirySeconds(timeOf(baseTime));
  for (let index = 0; index < expireAfterSeconds.length; index += 1)
    sessions.raiseWords(words, index * ID_WORDS, 0, base + (expireAfterSeconds[index] ?? 0));
}

function takeUsers({ ids, epochs, baseTime, expireAfterSeconds }: UserEpochs, { users }: RevocationTables): void {
  const words = wordsOf(ids, expireAfterSeconds.length);
  if (epochs.length !== expireAfterSeconds.length) throw new FeedBroken("a part of the snapshot is incomplete");
  const base = expirySeconds(timeOf(baseTime));
  for (let index = 0; index < expireAfterSeconds.length; index += 1)
    users.raiseWords(words, index * ID_WORDS, epochs[index] ?? 0, base + (expireAfterSeconds[index] ?? 0));
}

function wordsOf(ids: Uint8Array, count: number): Uint32Array {
  if (ids.length !== count * ID_WORDS * 4) throw new FeedBroken("a part of the snapshot is incomplete");
  const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength);
  return Uint32Array.from({ length: count * ID_WORDS }, (_, word) => view.getUint32(word * 4));
}

function fromMessage(message: RevisionMessage | undefined): Revision {
  if (message === undefined) throw new FeedBroken("a revision is missing");
  return { logId: message.logId, number: Number(message.number) };
}

function timeOf(time: Timestamp | undefined): number {
  if (time === undefined) throw new FeedBroken("a time is missing");
  return timestampMs(time);
}

function secondsOf(duration: { readonly seconds: bigint; readonly nanos: number } | undefined): number {
  if (duration === undefined) throw new FeedBroken("a duration is missing");
  return Number(duration.seconds) + duration.nanos / 1e9;
}

function isSame(one: Revision, other: Revision): boolean {
  return one.logId === other.logId && one.number === other.number;
}
