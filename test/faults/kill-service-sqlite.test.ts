/** `SIGKILL` of the service at random moments, on SQLite. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { it, onTestFinished } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { workOn } from "../support/folder.ts";
import { createChance } from "./support/chance.ts";
import { killAgainAndAgain } from "./support/kill-cycles.ts";
import { KILL_SETTINGS, prepareToKill, reportStarts } from "./support/kill-report.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";

/** What SQLite itself finds wrong, and whether the log has gaps. */
function inspectFile(file: string): readonly string[] {
  const database = new Database(file, { readonly: true });
  try {
    const integrity = String(database.pragma("integrity_check", { simple: true }));
    const orphans = database.pragma("foreign_key_check");
    const gaps = database
      .prepare("select 1 from revocation_log where revision <> (select count(*) from revocations)")
      .all();
    return [integrity, String(orphans), String(gaps)].filter((text) => text !== "ok" && text !== "");
  } finally {
    database.close();
  }
}

it(
  "Whatever was acknowledged before a SIGKILL holds after it, on SQLite, and what was in doubt happened or did not",
  async () => {
    const folder = temporaryFolder();
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const apiKey = await workOn(folder, prepareToKill);
    const report = await killAgainAndAgain({
      settings: { ...KILL_SETTINGS, SALLYPORT_DATA_DIR: folder },
      apiKey,
      cycles: scaled({ full: 200, short: 6 }),
      chance: createChance("kill on SQLite"),
      inspect: async () => inspectFile(join(folder, "sallyport.db")),
    });
    reportStarts("SQLite", report);
  },
  FAULT_TEST_MS,
);
