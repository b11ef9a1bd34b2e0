import { join } from "node:path";
import type { Command } from "commander";
import { migrateSqliteFile } from "../store/sqlite/sqlite-store.ts";
import { readContext, say } from "./context.ts";

/** `sallyport migrate`: brings the schema up to this version, without serving. */
export function addMigrateCommand(program: Command): void {
  program
    .command("migrate")
    .description("make the database or bring its schema up to this version; `serve` does so too")
    .action(async () => {
      const { config } = readContext();
      const applied = await migrateSqliteFile(join(config.dataDir, "sallyport.db"));
      say(applied.length === 0 ? "the schema is up to date" : `migrated: ${applied.join(", ")}`);
    });
}
