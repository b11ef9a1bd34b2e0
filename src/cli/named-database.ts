/** Databases as operators name them to `sallyport db`: the folder of one on SQLite, or the one on PostgreSQL. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Config } from "../config.ts";
import { CopyFault } from "../copy/copy-fault.ts";
import { databaseFile } from "../database.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import type { CopySide } from "../store/copy-side.ts";
import { lookIntoFile, openSourceFile, openTargetFile } from "../store/sqlite/file-side.ts";
import { loadMasterKeys, type MasterKeys } from "../tokens/master-key.ts";
import { CommandFault } from "./command-fault.ts";

/** How a database may be named. */
export const DATABASE_HELP = `A database is named by its data folder, or by the word postgres, which is the one
that SALLYPORT_DATABASE_URL leads to: its password is for nobody's list of processes.`;

/** A database that can be opened to copy from, or to. */
export type NamedDatabase = {
  readonly openSource: () => Promise<CopySide>;
  readonly openTarget: () => Promise<CopySide>;
  /** Its name, as that of its side would be, if it holds no data; makes and migrates nothing. @throws OccupiedDatabase. */
  readonly look: () => Promise<string>;
  /** The master keys that it would be served with. @throws Error that says how to give them. */
  readonly masterKeys: () => MasterKeys;
};

/** What a name depends on. */
export type Surroundings = { readonly config: Config; readonly clock: Clock; readonly random: Random };

/** The database of this name. @throws CommandFault if it is none. */
export function namedDatabase(name: string, { config, clock, random }: Surroundings): NamedDatabase {
  // Nothing of it is repeated: it may hold a password.
  if (/^postgres(ql)?:/.test(name)) {
    throw new CommandFault(
      2,
      "a URL is no argument, since everybody on the machine can read those; put it into SALLYPORT_DATABASE_URL, and name it postgres",
    );
  }
  if (name === "") throw new CommandFault(2, "name a data folder, or postgres");
  if (name === "postgres") return onPostgres(config, random);
  const folder = basename(name) === basename(databaseFile({ dataDir: "." })) ? dirname(name) : name;
  return inFolder(folder, config, clock, random);
}

/** The database that a seal names, if it can be looked at; it is not made where it is not. */
export function databaseAt(place: string, surroundings: Surroundings): NamedDatabase | null {
  // A server may be named by the folder of its socket.
  if (!place.startsWith("/") || /:\d+\/[^/]+$/.test(place))
    return surroundings.config.database && namedDatabase("postgres", surroundings);
  return existsSync(databaseFile({ dataDir: place })) ? namedDatabase(place, surroundings) : null;
}

function onPostgres({ database, masterKeys, dataDir }: Config, random: Random): NamedDatabase {
  if (database === null) {
    throw new CommandFault(2, "set SALLYPORT_DATABASE_URL to the URL of the database that is named postgres");
  }
  const address = async () => (await import("../store/postgres/address.ts")).parseAddress(database.url);
  const sides = () => import("../store/postgres/schema-side.ts");
  return {
    openSource: async () => (await sides()).openSourceSchema(await address()),
    openTarget: async () => (await sides()).openTargetSchema(await address()),
    look: async () => (await sides()).lookIntoSchema(await address()),
    // Stated, as the settings see to.
    masterKeys: () => loadMasterKeys({ stated: masterKeys, dataDir, mayCreate: false, random }),
  };
}

function inFolder(folder: string, { masterKeys: stated }: Config, clock: Clock, random: Random): NamedDatabase {
  const file = databaseFile({ dataDir: folder });
  return {
    openSource: () => openSourceFile(file, clock),
    openTarget: () => openTargetFile(file, clock),
    look: () => lookIntoFile(file, clock),
    masterKeys() {
      if (stated.length === 0 && !existsSync(join(folder, "master.key"))) {
        throw new CopyFault(
          `${folder} has no master.key, and the copy does not open without it; put it there from the other folder, or set SALLYPORT_MASTER_KEY`,
        );
      }
      return loadMasterKeys({ stated, dataDir: folder, mayCreate: false, random });
    },
  };
}
