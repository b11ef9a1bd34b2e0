import type { Command } from "commander";
import { migrateDatabase } from "../database.ts";
import { noteOnStandardError, notingNewDatabase, readContext, say } from "./context.ts";
import { examples } from "./examples.ts";

/** `sallyport migrate`: brings the schema up to this version, without serving. */
export function addMigrateCommand(program: Command): void {
  program
    .command("migrate")
    .description("make the database or bring its schema up to this version; `serve` does so too")
    .option("--new", "even if the folder holds a master key, which tells that it had a database before")
    .addHelpText(
      "after",
      examples([
        "SALLYPORT_DATA_DIR=/var/lib/sallyport sallyport migrate",
        "make the schema in this folder, or bring it up to date",
      ]),
    )
    .action(async ({ new: beginAnew = false }: { readonly new?: boolean }) => {
      const { config } = readContext();
      const migrate = () => migrateDatabase(config, { beginAnew });
      const applied = await notingNewDatabase(config, noteOnStandardError, migrate);
      say(applied.length === 0 ? "the schema is up to date" : `migrated: ${applied.join(", ")}`);
    });
}
