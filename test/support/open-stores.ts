/** A process that opens the SQLite file of each line on standard input as soon as it is told, and says how that went. */
import { createInterface } from "node:readline";
import { systemClock } from "../../src/lib/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

process.stdout.write("ready\n");
for await (const file of createInterface({ input: process.stdin })) {
  try {
    const store = await openSqliteStore({ file, clock: systemClock });
    await store.close();
    process.stdout.write("opened\n");
  } catch (error) {
    process.stdout.write(`${error}\n`);
  }
}
