/**
 * What a write keeps others from, where several write at once. In this order, so that nobody waits for somebody who
 * waits for them: the definitions, whoever acts, the user, the session, roles, and last the counter of the log.
 */
import { sql } from "kysely";
import { compileOnceForList } from "../compile-once.ts";
import type { Tx } from "../store.ts";

/** "DEFS" in ASCII: the number under which PostgreSQL knows the lock (`pg_advisory_xact_lock`). */
export const DEFINITIONS = 0x44_45_46_53;

/**
 * Keeps all other writes waiting that change what holds for everybody: keys, roles, services, and who is an
 * administrator. For writes that check such things before they change them; first of all locks. May be taken again.
 */
export async function lockDefinitions({ db, locksRows }: Tx): Promise<void> {
  if (locksRows) await sql`select pg_advisory_xact_lock(${DEFINITIONS})`.execute(db);
}

/** Keeps a user as it is until the write ends: whoever wants to change it waits. */
export async function holdUser({ db, locksRows }: Tx, id: string): Promise<void> {
  if (locksRows) await db.selectFrom("users").select("id").where("id", "=", id).forShare().execute();
}

/** Keeps a session as it is until the write ends. Hold its user first. */
export async function holdSession({ db, locksRows }: Tx, id: string): Promise<void> {
  if (locksRows) await db.selectFrom("sessions").select("id").where("id", "=", id).forShare().execute();
}

/** Keeps roles from being deleted until the write ends. */
export async function holdRoles({ db, locksRows }: Tx, names: readonly string[]): Promise<void> {
  if (!locksRows || names.length === 0) return;
  await heldRoles(db, names);
}

const heldRoles = compileOnceForList((db, names) =>
  db.selectFrom("roles").select("name").where("name", "in", names).orderBy("name").forKeyShare(),
);

/** Keeps a role from being given to anybody, and waits for those who give it, until the write ends. */
export async function lockRole({ db, locksRows }: Tx, name: string): Promise<void> {
  if (locksRows) await db.selectFrom("roles").select("name").where("name", "=", name).forUpdate().execute();
}
