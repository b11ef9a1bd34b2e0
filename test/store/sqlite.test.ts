import { rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { temporaryFolder } from "../support/app.ts";
import { describeStore } from "./conformance.ts";

describeStore("SQLite", async () => {
  const folder = temporaryFolder();
  const open = () => openSqliteStore({ file: join(folder, "sallyport.db"), clock: systemClock });
  return { open, now: async () => systemClock.now(), remove: async () => rmSync(folder, { recursive: true }) };
});
