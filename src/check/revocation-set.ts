/**
 * Ended sessions and raised user epochs, in memory. An entry is kept until the
 * last access token that it concerns has expired; after that it changes nothing.
 */
import { createIdTable, type IdTable } from "./id-table.ts";

/** A change of what is void. Times are milliseconds. */
export type Revocation =
  | { readonly kind: "session_ended"; readonly sessionId: string; readonly expiresAt: number }
  | { readonly kind: "user_epoch"; readonly userId: string; readonly epoch: number; readonly expiresAt: number };

/** Which sessions ended, and which tokens of a user are void. Times are milliseconds, kept in whole seconds, rounded up. */
export type RevocationSet = {
  readonly isSessionEnded: (sessionId: string) => boolean;
  /** The same for an id whose words are known. */
  readonly isEnded: (session: Uint32Array) => boolean;
  /** The lowest epoch that the user's tokens may carry; 0 where nothing is known. */
  readonly epochOf: (userId: string) => number;
  /** The same for an id whose words are known. */
  readonly leastEpoch: (user: Uint32Array) => number;
  readonly endSession: (sessionId: string, expiresAt: number) => void;
  readonly raiseEpoch: (userId: string, epoch: number, expiresAt: number) => void;
  readonly note: (revocation: Revocation) => void;
  /** Drops what concerns only tokens that expired before `now`; of many entries, some with each call. */
  readonly forget: (now: number) => void;
  /** Entries held. */
  readonly size: () => number;
  /** The entries as they lie in memory. */
  readonly tables: () => RevocationTables;
  /** Takes the place of everything: `tables` belong to this set from now on. */
  readonly adopt: (tables: RevocationTables) => void;
};

/** Ended sessions, whose number is nothing, and users with their epoch. */
export type RevocationTables = { readonly sessions: IdTable; readonly users: IdTable };

/** Empty {@link RevocationTables}. */
export function createRevocationTables(): RevocationTables {
  return { sessions: createIdTable(), users: createIdTable() };
}

/** An empty {@link RevocationSet}. */
export function createRevocationSet(): RevocationSet {
  let { sessions, users } = createRevocationTables();

  function endSession(sessionId: string, expiresAt: number): void {
    sessions.raise(sessionId, 0, expirySeconds(expiresAt));
  }

  function raiseEpoch(userId: string, epoch: number, expiresAt: number): void {
    users.raise(userId, epoch, expirySeconds(expiresAt));
  }

  return {
    isEnded: (session) => sessions.size() > 0 && sessions.getWords(session) !== null,
    leastEpoch: (user) => (users.size() === 0 ? 0 : (users.getWords(user) ?? 0)),
    isSessionEnded: (sessionId) => sessions.size() > 0 && sessions.get(sessionId) !== null,
    epochOf: (userId) => (users.size() === 0 ? 0 : (users.get(userId) ?? 0)),
    endSession,
    raiseEpoch,
    note(revocation) {
      if (revocation.kind === "session_ended") endSession(revocation.sessionId, revocation.expiresAt);
      else raiseEpoch(revocation.userId, revocation.epoch, revocation.expiresAt);
    },
    forget(now) {
      sessions.forget(Math.floor(now / 1000));
      users.forget(Math.floor(now / 1000));
    },
    size: () => sessions.size() + users.size(),
    tables: () => ({ sessions, users }),
    adopt(tables) {
      ({ sessions, users } = tables);
    },
  };
}

/** Whole seconds, never earlier; at least 1, since 0 means that nothing is there, and no more than a table can hold. */
export function expirySeconds(milliseconds: number): number {
  return Math.min(2 ** 32 - 1, Math.max(1, Math.ceil(milliseconds / 1000)));
}
