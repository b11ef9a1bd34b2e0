import { existsSync, statSync } from "node:fs";
import { type Config, readConfig } from "../config.ts";
import { type Core, databaseFile, openCore } from "../core.ts";
import { Refusal } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { systemRandom } from "../lib/random.ts";
import { createLog } from "../log.ts";
import { explainFault } from "../store/sqlite/unusable.ts";

/** Everything that commands take from the process they run in. */
export function readContext() {
  const config: Config = readConfig(process.env);
  return { config, log: createLog({ level: config.logLevel }), clock: systemClock, random: systemRandom };
}

/**
 * Runs a command on the database. A server that has it open obeys what changed; the
 * log stays quiet below warnings, since the command itself says what it did.
 * @throws Error if there is no database, unless the command may make one.
 */
export async function withCore<T>(
  work: (core: Core) => Promise<T>,
  { mayCreate = false }: { readonly mayCreate?: boolean } = {},
): Promise<T> {
  const context = readContext();
  const { config } = context;
  if (!mayCreate && !hasDatabase(config)) {
    throw new Error(
      `there is no database in ${config.dataDir}; set SALLYPORT_DATA_DIR, or make one: sallyport migrate`,
    );
  }
  const run = async () => {
    const core = await openCore({ ...context, log: createLog({ level: "warn" }) });
    try {
      return await work(core);
    } finally {
      await core.close();
    }
  };
  return notingNewDatabase(config, noteOnStandardError, () => forOperator(config, run));
}

/**
 * Does the work, and tells of the database that it made, if there was none, even where it failed after that: whoever
 * meant another folder, or whose disk is not mounted, is to notice.
 */
export async function notingNewDatabase<T>(
  config: Config,
  note: (config: Config) => void,
  work: () => Promise<T>,
): Promise<T> {
  const was = hasDatabase(config);
  try {
    return await work();
  } finally {
    if (!was && hasDatabase(config)) note(config);
  }
}

/** An empty file is none: it would be made one. */
function hasDatabase(config: Config): boolean {
  const file = databaseFile(config);
  return existsSync(file) && statSync(file).size > 0;
}

/** Says that there is a new database, and where. */
export function noteOnStandardError({ dataDir }: Config): void {
  process.stderr.write(`sallyport: made a new database in ${dataDir}\n`);
}

/** Does the work; where a client would only be told to wait, the operator is told what to mend. */
export async function forOperator<T>(config: Config, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOutage = error instanceof Refusal && error.reason === "UNAVAILABLE" && error.cause !== undefined;
    throw isOutage ? explainFault(error.cause, databaseFile(config)) : error;
  }
}

/** Says a line on standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A time in ISO 8601, or `null` for none. */
export function toDate(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
