import { type Config, readConfig } from "../config.ts";
import { type Core, openCore } from "../core.ts";
import { systemClock } from "../lib/clock.ts";
import { systemRandom } from "../lib/random.ts";
import { createLog } from "../log.ts";

/** Everything that commands take from the process they run in. */
export function readContext() {
  const config: Config = readConfig(process.env);
  return { config, log: createLog({ level: config.logLevel }), clock: systemClock, random: systemRandom };
}

/**
 * Runs a command on the database. A server that has it open obeys what changed; the
 * log stays quiet below warnings, since the command itself says what it did.
 */
export async function withCore<T>(work: (core: Core) => Promise<T>): Promise<T> {
  const context = readContext();
  const core = await openCore({ ...context, log: createLog({ level: "warn" }) });
  try {
    return await work(core);
  } finally {
    await core.close();
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
