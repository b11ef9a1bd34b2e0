/**
 * What the operator and administrators do to accounts: a new password, disable,
 * enable. Whatever takes something away ends every session at once, everywhere;
 * nothing ever brings one back.
 */
import type { Audit, AuditKind } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { PasswordHasher } from "../passwords/password-hasher.ts";
import { checkNewPassword } from "../passwords/password-policy.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession, voidPrivileges } from "../revocations/entries.ts";
import { refuseLastAdmin } from "../roles/last-admin.ts";
import { openSessions } from "../store/queries/sessions.ts";
import { findUser, lockUser, setPasswordHash, setState, type UserRow } from "../store/queries/users.ts";
import type { Store, Tx } from "../store/store.ts";

/** An account after a change; `revision` is `null` where nobody need know. */
export type ChangedAccount = { readonly revision: number | null; readonly user: UserRow };

/** Changes accounts. Each call names the user by id and who does it, `null` for the command line. */
export type AccountState = {
  /** @throws Refusal USER_NOT_FOUND, REQUEST_INVALID, PASSWORD_*, BUSY. */
  readonly setPassword: (
    userId: string,
    password: string,
    actorId: string | null,
    signal?: AbortSignal,
  ) => Promise<ChangedAccount>;
  /** @throws Refusal USER_NOT_FOUND, LAST_ADMIN. */
  readonly disable: (userId: string, actorId: string | null) => Promise<ChangedAccount>;
  /** @throws Refusal USER_NOT_FOUND. */
  readonly enable: (userId: string, actorId: string | null) => Promise<ChangedAccount>;
};

type AccountStateDeps = {
  readonly read: Store["read"];
  readonly commit: Commit;
  readonly hasher: Pick<PasswordHasher, "hash">;
  readonly audit: Audit;
};

/** {@link AccountState} in the database. */
export function createAccountState({ read, commit, hasher, audit }: AccountStateDeps): AccountState {
  async function replacePassword(tx: Tx, userId: string, hash: string, actor: string | null): Promise<ChangedAccount> {
    const user = await lockExisting(tx, userId);
    await setPasswordHash(tx.db, user.id, hash);
    return shutOut(tx, user, "password_set", actor);
  }

  async function disable(tx: Tx, userId: string, actor: string | null): Promise<ChangedAccount> {
    const user = await lockExisting(tx, userId);
    if (user.state === "disabled") return { revision: null, user };
    await refuseLastAdmin(tx, user);
    await setState(tx.db, user.id, "disabled");
    return shutOut(tx, { ...user, state: "disabled" }, "user_disabled", actor);
  }

  async function enable(tx: Tx, userId: string, actor: string | null): Promise<ChangedAccount> {
    const user = await lockExisting(tx, userId);
    if (user.state === "active") return { revision: null, user };
    await setState(tx.db, user.id, "active");
    await audit.record(tx, { kind: "user_enabled", userId: user.id, actor });
    return { revision: null, user: { ...user, state: "active" } };
  }

  /** Ends every session of the user and voids every token. */
  async function shutOut(tx: Tx, user: UserRow, kind: AuditKind, actor: string | null): Promise<ChangedAccount> {
    const sessions = await openSessions(tx.db, user.id);
    for (const session of sessions) await endSession(tx, session);
    const revision = await voidPrivileges(tx, user.id);
    await audit.record(tx, { kind, userId: user.id, actor, details: { sessions: sessions.length } });
    return { revision, user };
  }

  return {
    async setPassword(userId, password, actorId, signal) {
      const user = await read((db) => findUser(db, "id", userId));
      if (user === null) throw new Refusal("USER_NOT_FOUND");
      await checkNewPassword(password, user);
      const hash = await hasher.hash(password, signal);
      return commit((tx) => replacePassword(tx, userId, hash, actorId));
    },
    disable: (userId, actorId) => commit((tx) => disable(tx, userId, actorId)),
    enable: (userId, actorId) => commit((tx) => enable(tx, userId, actorId)),
  };
}

async function lockExisting(tx: Tx, userId: string): Promise<UserRow> {
  const user = await lockUser(tx, userId);
  if (user === null) throw new Refusal("USER_NOT_FOUND");
  return user;
}
