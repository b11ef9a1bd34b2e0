/** Finds users by what people type. */
import { findUser, type UserRow } from "../store/queries/users.ts";
import type { Queries } from "../store/store.ts";
import { canonicalEmail } from "./email.ts";
import { prepareUsername } from "./username.ts";

/** The user of a name or address in any spelling that has the same canonical form, or `null`. */
export async function findByIdentifier(db: Queries, identifier: string): Promise<UserRow | null> {
  return identifier.includes("@") ? findByEmail(db, identifier) : findByUsername(db, identifier);
}

/** The user of a name, or `null`. */
export async function findByUsername(db: Queries, raw: string): Promise<UserRow | null> {
  const prepared = prepareUsername(raw);
  return prepared.ok ? findUser(db, "username", prepared.username) : null;
}

/** The user of an address, or `null`. */
export async function findByEmail(db: Queries, raw: string): Promise<UserRow | null> {
  const canonical = canonicalEmail(raw);
  return canonical.ok ? findUser(db, "email", canonical.email) : null;
}
