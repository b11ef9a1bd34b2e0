/** The seal on a schema of PostgreSQL: triggers that let no change through. */
import { sql } from "kysely";
import { eraseSeal, SEALED, type Seal, writeSeal } from "../seal.ts";
import type { Queries } from "../store.ts";
import { TABLES } from "../tables.ts";
import { SEALED_STATE } from "./fault.ts";

const NAME = "sallyport_sealed";

/** Seals every table; inside of a transaction that has them locked. */
export async function sealSchema(db: Queries, seal: Seal): Promise<void> {
  await writeSeal(db, seal);
  const body = `begin raise exception '${SEALED}' using errcode = '${SEALED_STATE}'; end`;
  await sql`create or replace function ${sql.id(NAME)}() returns trigger language plpgsql as ${sql.lit(body)}`.execute(
    db,
  );
  for (const { name } of TABLES) {
    await sql`create trigger ${sql.id(NAME)} before insert or update or delete or truncate on ${sql.table(name)}
      for each statement execute function ${sql.id(NAME)}()`.execute(db);
  }
}

/** Takes back the seal; inside of a transaction. */
export async function unsealSchema(db: Queries): Promise<void> {
  for (const { name } of TABLES) await sql`drop trigger if exists ${sql.id(NAME)} on ${sql.table(name)}`.execute(db);
  await sql`drop function if exists ${sql.id(NAME)}()`.execute(db);
  await eraseSeal(db);
}
