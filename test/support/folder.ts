/** Work on a data folder without a server, as the operator's commands do. */
import { readConfig } from "../../src/config.ts";
import { type Core, openCore } from "../../src/core.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { TEST_SETTINGS } from "./app.ts";
import { passwordOf } from "./people.ts";

/** Opens the folder's database, making it and its keys where there are none, and closes it after the work. */
export async function workOn<T>(
  dataDir: string,
  work: (core: Core) => Promise<T>,
  settings: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
): Promise<T> {
  const config = readConfig({ ...TEST_SETTINGS, SALLYPORT_DATA_DIR: dataDir, ...settings });
  const core = await openCore({
    config,
    log: createLog({ level: "silent" }),
    clock,
    random: systemRandom,
  });
  try {
    return await work(core);
  } finally {
    await core.close();
  }
}

/** Makes an account with its usual password; its id. */
export async function addUser(
  dataDir: string,
  username: string,
  roles: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
): Promise<string> {
  const account = { username, password: passwordOf(username), email: "", roles };
  return workOn(dataDir, async ({ createUser }) => (await createUser(account)).id, settings, clock);
}
