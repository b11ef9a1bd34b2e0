/** The service's own code, without a server, for what a measurement needs beforehand. */
import { type Config, readConfig } from "../../src/config.ts";
import { type Core, openCore } from "../../src/core.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";

/** Lends the core to `work`, on the database that the settings name. */
export async function withCore<T>(
  settings: Readonly<Record<string, string>>,
  work: (core: Core, config: Config) => Promise<T>,
): Promise<T> {
  const config = readConfig(settings);
  const log = createLog({ level: "silent" });
  const core = await openCore({ config, log, clock: systemClock, random: systemRandom });
  try {
    return await work(core, config);
  } finally {
    await core.close();
  }
}
