/** A database of either engine that can be put back to how it was. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { temporaryFolder } from "../../support/app.ts";
import { makePlace } from "../../support/postgres.ts";
import type { Engine } from "../../support/two-apps.ts";

/** A database, and one backup of it. */
export type BackedUp = {
  readonly dataDir: string;
  /** What leads to the database. */
  readonly settings: Readonly<Record<string, string>>;
  /** Takes the backup, while the service runs. */
  readonly backUp: () => Promise<void>;
  /** Puts the backup in the database's place. Nobody has that open. */
  readonly restore: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

/** A database that is made when it is first opened. */
export function makeBackedUp(engine: Engine): Promise<BackedUp> {
  return engine === "SQLite" ? onSqlite() : onPostgres();
}

async function onSqlite(): Promise<BackedUp> {
  const dataDir = temporaryFolder();
  const [file, copy] = ["sallyport.db", "backup.db"].map((name) => join(dataDir, name));
  async function copyFile(from = "", to = ""): Promise<void> {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${to}${suffix}`, { force: true });
    const source = new Database(from, { readonly: true });
    await source.backup(to);
    source.close();
  }
  return {
    dataDir,
    settings: {},
    backUp: () => copyFile(file, copy),
    restore: () => copyFile(copy, file),
    remove: async () => rmSync(dataDir, { recursive: true }),
  };
}

/** Whoever refers to a table comes after it. */
const TABLES = [
  "users roles role_permissions user_roles sessions session_rotations",
  "revocation_log revocations signing_keys services audit_events meta",
].flatMap((names) => names.split(" "));

async function onPostgres(): Promise<BackedUp> {
  const place = await makePlace();
  const copyOf = (table: string) => `backup_of_${table}`;
  const statements = (of: (table: string) => string) => TABLES.map(of).join("; ");
  return {
    dataDir: temporaryFolder(),
    settings: {
      SALLYPORT_DATABASE_URL: place.url,
      SALLYPORT_DATABASE_CONNECTIONS: "4",
      SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
    },
    async backUp() {
      const copies = statements((table) => `create table ${copyOf(table)} as table ${table}`);
      await place.ask(`begin isolation level repeatable read; ${copies}; commit`);
    },
    async restore() {
      const rows = statements((table) => `insert into ${table} table ${copyOf(table)}; drop table ${copyOf(table)}`);
      await place.ask(`begin; truncate ${TABLES.join(", ")}; ${rows}; commit`);
    },
    remove: place.remove,
  };
}
