/**
 * Makes accounts. Owns the canonical forms of names and their uniqueness; does not
 * decide who may sign up, nor with which roles.
 */
import type { Audit } from "../audit/audit.ts";
import { invalidField, Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { Random } from "../lib/random.ts";
import type { PasswordHasher } from "../passwords/password-hasher.ts";
import { checkNewPassword } from "../passwords/password-policy.ts";
import { type Actor, onBehalfOf, refuseForeignRoles } from "../roles/actor.ts";
import { holdRoles } from "../store/queries/locks.ts";
import { areRoles } from "../store/queries/roles.ts";
import { giveRoles, insertUser, takenName, type UserRow } from "../store/queries/users.ts";
import type { Queries, Store, Tx } from "../store/store.ts";
import { canonicalEmail } from "./email.ts";
import { prepareUsername } from "./username.ts";

/** An account to be made; names as typed. */
export type NewUser = {
  readonly username: string;
  readonly password: string;
  /** Empty: none. */
  readonly email: string;
  readonly roles: readonly string[];
  /** Who makes it; `null` for the command line and for those who sign up. */
  readonly actor?: Actor;
};

/**
 * Makes an account.
 * @throws Refusal PRIVILEGE_ESCALATION, REQUEST_INVALID, PASSWORD_*, USERNAME_TAKEN, EMAIL_TAKEN, ROLE_NOT_FOUND, BUSY, UNAVAILABLE.
 */
export type CreateUser = (input: NewUser, patience?: Patience) => Promise<UserRow>;

type CreateUserDeps = {
  readonly store: Pick<Store, "readAtOnce" | "write">;
  readonly hasher: Pick<PasswordHasher, "hash">;
  readonly audit: Audit;
  readonly random: Random;
};

type Names = { readonly username: string; readonly email: string | null };

/** A {@link CreateUser}. */
export function createUserCreator({ store, hasher, audit, random }: CreateUserDeps): CreateUser {
  return async function createUser({ username, password, email, roles, actor = null }, patience) {
    refuseForeignRoles(actor, roles);
    const names = { username: preparedUsername(username), email: email === "" ? null : canonicalAddress(email) };
    await checkNewPassword(password, names);
    // Asked again inside the write; here, so that a refusal costs no hash.
    await store.readAtOnce((db) => refuseTaken(db, names, roles), patience);
    const hash = await hasher.hash(password, patience?.signal);
    return store.write(
      onBehalfOf(actor, (tx) => insert(tx, names, hash, roles, actor)),
      patience,
      { asksFirst: true },
    );
  };

  async function insert(tx: Tx, names: Names, hash: string, roles: readonly string[], actor: Actor) {
    await Promise.all([holdRoles(tx, roles), refuseTaken(tx.db, names, roles)]);
    const user: Omit<UserRow, "roles"> = {
      id: random.id("usr"),
      ...names,
      email_verified: 0,
      password_hash: hash,
      state: "active",
      epoch: 1,
      create_time: tx.now,
    };
    const event = { kind: "user_created", userId: user.id, actor: actor?.id ?? null, details: { roles } } as const;
    await Promise.all([insertUser(tx.db, user), giveRoles(tx.db, user.id, roles), audit.record(tx, event)]);
    return { ...user, roles: [...roles].sort() };
  }
}

function preparedUsername(raw: string): string {
  const prepared = prepareUsername(raw);
  if (!prepared.ok) throw invalidField("username", prepared.fault);
  return prepared.username;
}

function canonicalAddress(raw: string): string {
  const canonical = canonicalEmail(raw);
  if (!canonical.ok) throw invalidField("email", canonical.fault);
  return canonical.email;
}

async function refuseTaken(db: Queries, { username, email }: Names, roles: readonly string[]): Promise<void> {
  const [taken, areThere] = await Promise.all([takenName(db, username, email), areRoles(db, roles)]);
  if (taken !== null) throw new Refusal(taken === "username" ? "USERNAME_TAKEN" : "EMAIL_TAKEN");
  if (!areThere) throw new Refusal("ROLE_NOT_FOUND");
}
