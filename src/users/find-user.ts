/** Finds users by what people type. */
import type { Queries } from "../store/store.ts";
import { canonicalEmail } from "./email.ts";
import { prepareUsername } from "./username.ts";

/** Finds a user by a canonical name or address. */
type Find<User> = (db: Queries, by: "username" | "email", value: string) => Promise<User | null>;

/** The user of a name or address in any spelling that has the same canonical form, or `null`, as `find` finds it. */
export async function findByIdentifier<User>(db: Queries, identifier: string, find: Find<User>): Promise<User | null> {
  return identifier.includes("@") ? findByEmail(db, identifier, find) : findByUsername(db, identifier, find);
}

/** The user of a name, or `null`. */
export async function findByUsername<User>(db: Queries, raw: string, find: Find<User>): Promise<User | null> {
  const prepared = prepareUsername(raw);
  return prepared.ok ? find(db, "username", prepared.username) : null;
}

/** The user of an address, or `null`. */
export async function findByEmail<User>(db: Queries, raw: string, find: Find<User>): Promise<User | null> {
  const canonical = canonicalEmail(raw);
  return canonical.ok ? find(db, "email", canonical.email) : null;
}
