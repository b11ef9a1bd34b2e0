/** `SIGKILL` of the service at random moments, on PostgreSQL. */
import { randomBytes } from "node:crypto";
import { it, onTestFinished } from "vitest";
import { workOn } from "../support/folder.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { createChance } from "./support/chance.ts";
import { killAgainAndAgain } from "./support/kill-cycles.ts";
import { KILL_SETTINGS, prepareToKill, reportStarts } from "./support/kill-report.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

/** Whether the log has gaps, and whether sessions are ahead of themselves. */
async function inspectPlace({ ask }: TestPlace): Promise<readonly string[]> {
  const faults = await ask(`select 'the log has gaps' as fault from revocation_log
      where revision <> (select count(*) from revocations)
        or revision <> (select coalesce(max(revision), 0) from revocations)
    union all select 'an exchange is remembered of a generation to come' from session_rotations
      join sessions on id = session_id where session_rotations.generation >= sessions.generation - 1`);
  return faults.map(({ fault }) => String(fault));
}

it(
  "Whatever was acknowledged before a SIGKILL holds after it, on PostgreSQL, and what was in doubt happened or did not",
  async () => {
    const place = await makePlace();
    onTestFinished(() => place.remove());
    const own = {
      SALLYPORT_DATABASE_URL: place.url,
      SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
      SALLYPORT_DATA_DIR: "/nowhere/at/all",
    };
    const apiKey = await workOn("/nowhere/at/all", prepareToKill, own);
    const report = await killAgainAndAgain({
      settings: { ...KILL_SETTINGS, ...own },
      apiKey,
      cycles: scaled({ full: 50, short: 3 }),
      chance: createChance("kill on PostgreSQL"),
      inspect: () => inspectPlace(place),
    });
    reportStarts("PostgreSQL", report);
  },
  FAULT_TEST_MS,
);
