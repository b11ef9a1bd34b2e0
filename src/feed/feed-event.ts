/** What those who watch the revocation log are told, before it becomes messages and after. */
import { setImmediate } from "node:timers/promises";
import { ENTRY_WORDS } from "../check/id-table.ts";
import type { LogEntry } from "../check/knowledge.ts";
import type { Revision } from "../check/revision.ts";
import type { RevocationTables } from "../check/revocation-set.ts";
import type { RoleGrants } from "../check/role-table.ts";

/** News for watchers. That keys changed is told with the keys as they are when it is told. */
export type FeedEntry = LogEntry | { readonly kind: "keys_changed" };

/** Entries that follow on each other, up to and with `through`. */
export type Tail = { readonly through: number; readonly entries: readonly FeedEntry[] };

/** Why a watcher has to begin again with a snapshot. */
export type StartOverReason = "LOG_REPLACED" | "TOO_OLD" | "UNKNOWN";

/** What a watcher is told, in the order that `sallyport.auth.v1.WatchResponse` states. Times are milliseconds. */
export type FeedEvent =
  | { readonly kind: "start_over"; readonly reason: StartOverReason }
  /** Opens a snapshot. */
  | { readonly kind: "snapshot_begin"; readonly revision: Revision }
  | { readonly kind: "snapshot_roles"; readonly roles: readonly RoleGrants[] }
  /** Entries of {@link ENTRY_WORDS} words each. */
  | { readonly kind: "snapshot_sessions" | "snapshot_users"; readonly entries: Uint32Array }
  | { readonly kind: "snapshot_end"; readonly revision: Revision }
  | ({ readonly kind: "batch"; readonly logId: string; readonly from: number } & Tail)
  | { readonly kind: "checkpoint"; readonly revision: Revision; readonly asOf: number; readonly time: number };

/** Whether an event is one of the parts that a snapshot's end counts. */
export function isPart({ kind }: FeedEvent): boolean {
  return kind === "snapshot_roles" || kind === "snapshot_sessions" || kind === "snapshot_users";
}

/** Entries of a snapshot that go into one message: some 150 KB. */
const CHUNK_ENTRIES = 8192;

/**
 * All that is known at a revision. The tables may change while they are told: what was added is
 * true already, and what follows on the revision tells it again; what was forgotten concerns nobody.
 */
export async function* snapshotEvents(
  revision: Revision,
  roles: readonly RoleGrants[],
  { sessions, users }: RevocationTables,
): AsyncGenerator<FeedEvent> {
  yield { kind: "snapshot_begin", revision };
  for (const some of inParts(roles)) yield { kind: "snapshot_roles", roles: some };
  for await (const entries of inChunks(sessions.entries())) yield { kind: "snapshot_sessions", entries };
  for await (const entries of inChunks(users.entries())) yield { kind: "snapshot_users", entries };
  yield { kind: "snapshot_end", revision };
}

/** Most of a message, in bytes, or a little more: `Watch` sends up to 256 KiB. */
export const MESSAGE_BYTES = 192 * 1024;

/** How much of a message a role takes, or a little more. */
export function roleBytes(name: string, grants: readonly string[]): number {
  return grants.reduce((bytes, grant) => bytes + grant.length + 4, name.length + 16);
}

/** The roles in parts that fit into a message each. */
function* inParts(roles: readonly RoleGrants[]): Generator<readonly RoleGrants[]> {
  let part: RoleGrants[] = [];
  let bytes = 0;
  for (const role of roles) {
    bytes += roleBytes(role.name, role.grants);
    if (bytes > MESSAGE_BYTES && part.length > 0) {
      yield part;
      part = [];
      bytes = roleBytes(role.name, role.grants);
    }
    part.push(role);
  }
  if (part.length > 0) yield part;
}

/** The same entries in pieces that fit into a message each, with a turn of the event loop before each. */
async function* inChunks(parts: Iterable<Uint32Array>): AsyncGenerator<Uint32Array> {
  let chunk = new Uint32Array(CHUNK_ENTRIES * ENTRY_WORDS);
  let filled = 0;
  for (const part of parts) {
    for (let taken = 0; taken < part.length; ) {
      const piece = part.subarray(taken, taken + chunk.length - filled);
      chunk.set(piece, filled);
      filled += piece.length;
      taken += piece.length;
      if (filled < chunk.length) continue;
      await setImmediate();
      yield chunk;
      chunk = new Uint32Array(chunk.length);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
