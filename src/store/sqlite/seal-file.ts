/** The seal on an SQLite file: triggers that let no change through (https://sqlite.org/lang_createtrigger.html). */
import { sql } from "kysely";
import { eraseSeal, SEALED, type Seal, writeSeal } from "../seal.ts";
import type { Queries } from "../store.ts";
import { TABLES } from "../tables.ts";

const CHANGES = ["insert", "update", "delete"] as const;

/** Seals every table; inside of a transaction. */
export async function sealFile(db: Queries, seal: Seal): Promise<void> {
  await writeSeal(db, seal);
  for (const { name, change, trigger } of triggers()) {
    await sql`create trigger ${sql.id(trigger)} before ${sql.raw(change)} on ${sql.table(name)}
      begin select raise(abort, ${sql.lit(SEALED)}); end`.execute(db);
  }
}

/** Takes back the seal; inside of a transaction. */
export async function unsealFile(db: Queries): Promise<void> {
  for (const { trigger } of triggers()) await sql`drop trigger if exists ${sql.id(trigger)}`.execute(db);
  await eraseSeal(db);
}

function triggers() {
  return TABLES.flatMap(({ name }) => CHANGES.map((change) => ({ name, change, trigger: `sealed_${name}_${change}` })));
}
