import { type Config, readConfig } from "../config.ts";
import { type Core, openCore } from "../core.ts";
import { databaseFile, databaseName, hasDatabase } from "../database.ts";
import { Refusal } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { systemRandom } from "../lib/random.ts";
import { createLog } from "../log.ts";
import { explainFault } from "../store/sqlite/unusable.ts";

/** Everything that commands take from the process they run in. */
export type Context = ReturnType<typeof readContext>;

/** Reads the {@link Context}; lines of the log tell of the `worker`, where there are several. @throws ConfigError */
export function readContext({ worker = null }: { readonly worker?: number | null } = {}) {
  const config: Config = readConfig(process.env);
  const log = createLog({ level: config.logLevel, worker });
  return { config, log, clock: systemClock, random: systemRandom };
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
  if (!mayCreate && !(await hasDatabase(config, systemClock))) {
    const setting = config.database === null ? "SALLYPORT_DATA_DIR" : "SALLYPORT_DATABASE_URL";
    const place = await databaseName(config);
    throw new Error(`there is no database in ${place}; set ${setting}, or make one: sallyport migrate`);
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
  note: (place: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const was = await hasDatabase(config, systemClock);
  try {
    return await work();
  } finally {
    // Whatever went wrong with the work is to be told, not that it went wrong here, too.
    const is = await hasDatabase(config, systemClock).catch(() => false);
    if (!was && is) note(await databaseName(config));
  }
}

/** Says that there is a new database, and where. */
export function noteOnStandardError(place: string): void {
  process.stderr.write(`sallyport: made a new database in ${place}\n`);
}

/** Does the work; where a client would only be told to wait, the operator is told what to mend. */
export async function forOperator<T>(config: Config, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOutage = error instanceof Refusal && error.reason === "UNAVAILABLE" && error.cause !== undefined;
    if (!isOutage) throw error;
    throw config.database === null ? explainFault(error.cause, databaseFile(config)) : await outageOf(config, error);
  }
}

async function outageOf(config: Config, { cause }: Refusal): Promise<Error> {
  const told = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${await databaseName(config)} cannot do this now: ${told}`, { cause });
}

/** Says a line on standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A time in ISO 8601, or `null` for none. */
export function toDate(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
