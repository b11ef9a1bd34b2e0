/** The life of an installation, from an empty database on. */
import fc from "fast-check";
import { listKeys } from "../../../../src/store/queries/keys.ts";
import type { Engine } from "../../../support/two-apps.ts";
import { FIRST_PASSWORD } from "./actions.ts";
import { anyCommands, type Diary, knownCommands } from "./commands.ts";
import { startLab } from "./lab.ts";
import { loggingIn, refreshing } from "./session-actions.ts";
import { createWorld } from "./world.ts";

/** What many lives come across; of a few nothing is certain. */
export const EXPERIENCES: { readonly full: readonly string[]; readonly short: readonly string[] } = {
  short: [],
  full: [
    "GRANTED",
    "refresh: done",
    "at once",
    "CREDENTIALS_INVALID",
    "PRIVILEGES_CHANGED",
    "REFRESH_TOKEN_EXPIRED",
    "REFRESH_TOKEN_REUSED",
    "REFRESH_TOKEN_SUPERSEDED",
    "SESSION_ENDED",
    "SESSION_REVOKED",
    "TOKEN_EXPIRED",
    "TOKEN_INVALID",
  ],
};

/** What lot brings too seldom to count on: a tab that is two exchanges behind, within the grace. */
const SLOW_TAB = [
  loggingIn("ada", FIRST_PASSWORD, []),
  refreshing(0, 1, []),
  refreshing(0, 2, []),
  refreshing(2, 0, []),
  refreshing(0, 1, []),
];

type Lives = { readonly runs: number; readonly most: number; readonly seed: number; readonly forMs: number };

/** Lives so many lives of so many commands at most; what they came across. @throws where one contradicts the reference. */
export async function live(engine: Engine, { runs, most, seed, forMs }: Lives): Promise<Diary> {
  const diary: Diary = new Set();
  const life = fc.asyncProperty(anyCommands(most, diary), async (commands) => {
    const lab = await startLab(engine);
    try {
      const addUser = (username: string, roles: readonly string[]) =>
        lab.core.createUser({ username, password: FIRST_PASSWORD, email: "", roles });
      const [{ id }, ada] = [await addUser("root", ["admin"]), await addUser("ada", ["user"])];
      const keys = await lab.core.store.read(listKeys);
      const kidOf = (state: string) => keys.find((key) => key.use === "access" && key.state === state)?.kid ?? "";
      const user = { id, password: FIRST_PASSWORD, isActive: true, epoch: 1, roles: ["admin"] };
      const world = createWorld(lab.clock.now(), user, { active: kidOf("active"), next: kidOf("next") });
      world.users.set("ada", { ...user, id: ada.id, roles: ["user"] });
      await Promise.all([lab.upToDate(0), lab.upToDate(1)]);
      await fc.asyncModelRun(() => ({ model: { world }, real: lab }), commands);
    } finally {
      await lab.close();
    }
  });
  const examples: [ReturnType<typeof knownCommands>][] = [[knownCommands(SLOW_TAB, diary)]];
  await fc.assert(life, { numRuns: runs, seed, interruptAfterTimeLimit: forMs, examples });
  return diary;
}
