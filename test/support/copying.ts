/** Databases of either engine to copy between: filled, opened by the service's store, looked at and changed beside it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { createAudit } from "../../src/audit/audit.ts";
import { type Copied, copyDatabase } from "../../src/copy/copy-database.ts";
import type { OnProgress } from "../../src/copy/copy-tables.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import type { CopySide } from "../../src/store/copy-side.ts";
import { parseAddress } from "../../src/store/postgres/address.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { lookIntoSchema, openSourceSchema, openTargetSchema } from "../../src/store/postgres/schema-side.ts";
import { lookIntoFile, openSourceFile, openTargetFile } from "../../src/store/sqlite/file-side.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { TABLES } from "../../src/store/tables.ts";
import { temporaryFolder } from "./app.ts";
import { makePlace } from "./postgres.ts";

/** A database that nobody else uses; it is gone when the test is over. */
export type CopyPlace = {
  readonly engine: Engine;
  /** Of a service on it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Opens it as a service does, to be closed when the test is over at the latest; the first time makes the schema. */
  readonly open: () => Promise<Store>;
  readonly openSource: () => Promise<CopySide>;
  readonly openTarget: () => Promise<CopySide>;
  readonly look: () => Promise<string>;
  /** Runs statements beside the store; the rows of the last. */
  readonly ask: (...statements: readonly string[]) => Promise<readonly Record<string, unknown>[]>;
};

/** What a database is kept by. */
export type Engine = "SQLite" | "PostgreSQL";

/** Which engines things are copied between. */
export const DIRECTIONS: readonly (readonly [Engine, Engine])[] = [
  ["SQLite", "PostgreSQL"],
  ["PostgreSQL", "SQLite"],
  ["SQLite", "SQLite"],
];

/** The same for all: it moves with the data. */
const MASTER_KEY = Buffer.alloc(32, 7).toString("base64url");

/** A place for a database; nothing is in it yet. */
export function makeCopyPlace(engine: Engine): Promise<CopyPlace> {
  return engine === "SQLite" ? makeFolder() : makeSchema();
}

/** The databases of a copy: the source has its tables. */
export async function makePair([from, to]: readonly [Engine, Engine]) {
  const [source, target] = [await makeCopyPlace(from), await makeCopyPlace(to)];
  await (await source.open()).close();
  return { source, target };
}

/** Copies as the command does, whatever the issuer and the keys. */
export function copyBetween(
  source: CopyPlace,
  target: Pick<CopyPlace, "openTarget">,
  onProgress: OnProgress = () => {},
): Promise<Copied> {
  return copyDatabase({
    source: { open: source.openSource },
    target: { open: target.openTarget },
    refuseUnfit: async () => {},
    audit: createAudit({ random: systemRandom, log: createLog({ level: "silent" }) }),
    onProgress,
  });
}

/** Every row of every table, as the engine itself gives them, in an order that does not depend on it. */
export async function everyRow({ ask }: CopyPlace): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const tables: Record<string, readonly unknown[]> = {};
  for (const { name, columns } of TABLES) {
    const rows = await ask(`select * from ${name}`);
    // PostgreSQL gives large numbers as texts.
    const textOf = (value: unknown) => (value === null ? null : String(value));
    const texts = rows.map((row) => JSON.stringify(columns.map((column) => textOf(row[column]))));
    tables[name] = texts.sort();
  }
  return tables;
}

async function makeFolder(): Promise<CopyPlace> {
  const parent = temporaryFolder();
  const file = join(parent, "data", "sallyport.db");
  onTestFinished(() => rmSync(parent, { recursive: true }));
  return {
    engine: "SQLite",
    settings: { SALLYPORT_DATA_DIR: join(parent, "data"), SALLYPORT_MASTER_KEY: MASTER_KEY },
    open: () => closedAtTheEnd(openSqliteStore({ file, clock: systemClock })),
    openSource: () => openSourceFile(file, systemClock),
    openTarget: () => openTargetFile(file, systemClock),
    look: () => lookIntoFile(file, systemClock),
    async ask(...statements) {
      const database = new Database(file);
      try {
        let rows: unknown[] = [];
        for (const text of statements) {
          const statement = database.prepare(text);
          if (statement.reader) rows = statement.all();
          else statement.run();
        }
        return rows.filter(isRow);
      } finally {
        database.close();
      }
    },
  };
}

async function makeSchema(): Promise<CopyPlace> {
  const { url, ask, remove } = await makePlace();
  onTestFinished(remove);
  return {
    engine: "PostgreSQL",
    settings: { SALLYPORT_DATABASE_URL: url, SALLYPORT_MASTER_KEY: MASTER_KEY },
    open: () => closedAtTheEnd(openPostgresStore({ url, maxConnections: 4 })),
    openSource: () => openSourceSchema(parseAddress(url)),
    openTarget: () => openTargetSchema(parseAddress(url)),
    look: () => lookIntoSchema(parseAddress(url)),
    ask: (...statements) => ask(statements.join(";")),
  };
}

async function closedAtTheEnd(opening: Promise<Store>): Promise<Store> {
  const store = await opening;
  onTestFinished(() => store.close());
  return store;
}

function isRow(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
