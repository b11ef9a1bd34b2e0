/**
 * What the operator and administrators do to accounts: a new password, disable,
 * enable. Whatever takes something away ends every session at once, everywhere;
 * nothing ever brings one back.
 */
import type { Audit, AuditKind } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { PasswordHasher } from "../passwords/password-hasher.ts";
import { checkNewPassword } from "../passwords/password-policy.ts";
import type { Commit } from "../revocations/commit.ts";
import { endSession, voidPrivileges } from "../revocations/entries.ts";
import { type Actor, onBehalfOf, refuseForeignRoles } from "../roles/actor.ts";
import { refuseLastAdmin } from "../roles/last-admin.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import { presentRevision } from "../store/queries/revocations.ts";
import { openSessions } from "../store/queries/sessions.ts";
import { findUser, lockUser, setPasswordHash, setState, type UserRow } from "../store/queries/users.ts";
import type { Store, Tx } from "../store/store.ts";

/** An account after a change, and the revision from which everybody knows. */
export type ChangedAccount = { readonly revision: number; readonly user: UserRow };

/** Changes accounts. Each call names the user by id, and who does it: one that holds every role of the user. */
export type AccountState = {
  /** @throws Refusal USER_NOT_FOUND, PRIVILEGE_ESCALATION, REQUEST_INVALID, PASSWORD_*, BUSY. */
  readonly setPassword: (
    userId: string,
    password: string,
    actor: Actor,
    patience?: Patience,
  ) => Promise<ChangedAccount>;
  /** @throws Refusal USER_NOT_FOUND, PRIVILEGE_ESCALATION, LAST_ADMIN. */
  readonly disable: (userId: string, actor: Actor, patience?: Patience) => Promise<ChangedAccount>;
  /** @throws Refusal USER_NOT_FOUND, PRIVILEGE_ESCALATION. */
  readonly enable: (userId: string, actor: Actor, patience?: Patience) => Promise<ChangedAccount>;
};

type AccountStateDeps = {
  readonly read: Store["read"];
  readonly commit: Commit;
  readonly hasher: Pick<PasswordHasher, "hash">;
  readonly audit: Audit;
};

/** {@link AccountState} in the database. */
export function createAccountState({ read, commit, hasher, audit }: AccountStateDeps): AccountState {
  async function replacePassword(tx: Tx, userId: string, hash: string, actor: Actor): Promise<ChangedAccount> {
    const user = await lockReachable(tx, userId, actor);
    await setPasswordHash(tx.db, user.id, hash);
    return shutOut(tx, user, "password_set", actor);
  }

  async function disable(tx: Tx, userId: string, actor: Actor): Promise<ChangedAccount> {
    await lockDefinitions(tx);
    const user = await lockReachable(tx, userId, actor);
    if (user.state === "disabled") return { revision: await presentRevision(tx.db), user };
    await refuseLastAdmin(tx, user);
    await setState(tx.db, user.id, "disabled");
    return shutOut(tx, { ...user, state: "disabled" }, "user_disabled", actor);
  }

  async function enable(tx: Tx, userId: string, actor: Actor): Promise<ChangedAccount> {
    const user = await lockReachable(tx, userId, actor);
    if (user.state === "active") return { revision: await presentRevision(tx.db), user };
    await setState(tx.db, user.id, "active");
    await audit.record(tx, { kind: "user_enabled", userId: user.id, actor: actor?.id ?? null });
    return { revision: await presentRevision(tx.db), user: { ...user, state: "active" } };
  }

  /** Ends every session of the user and voids every token. */
  async function shutOut(tx: Tx, user: UserRow, kind: AuditKind, actor: Actor): Promise<ChangedAccount> {
    const sessions = await openSessions(tx.db, user.id);
    for (const session of sessions) await endSession(tx, session);
    const revision = await voidPrivileges(tx, user.id);
    const details = { sessions: sessions.length };
    await audit.record(tx, { kind, userId: user.id, actor: actor?.id ?? null, details });
    return { revision, user };
  }

  return {
    async setPassword(userId, password, actor, patience) {
      const user = await read((db) => findUser(db, "id", userId), patience);
      // Asked again inside the write; here, so that a refusal costs no hash.
      refuseUnreachable(user, actor);
      await checkNewPassword(password, user);
      const hash = await hasher.hash(password, patience?.signal);
      return commit(
        onBehalfOf(actor, (tx) => replacePassword(tx, userId, hash, actor)),
        patience,
      );
    },
    disable: (userId, actor, patience) =>
      commit(
        onBehalfOf(actor, (tx) => disable(tx, userId, actor)),
        patience,
      ),
    enable: (userId, actor, patience) =>
      commit(
        onBehalfOf(actor, (tx) => enable(tx, userId, actor)),
        patience,
      ),
  };
}

async function lockReachable(tx: Tx, userId: string, actor: Actor): Promise<UserRow> {
  const user = await lockUser(tx, userId);
  refuseUnreachable(user, actor);
  return user;
}

/** Whoever could set the password of an account that holds more than they do, could be it. */
function refuseUnreachable(user: UserRow | null, actor: Actor): asserts user is UserRow {
  if (user === null) throw new Refusal("USER_NOT_FOUND");
  refuseForeignRoles(actor, user.roles);
}
