import type { Command } from "commander";
import { createAudit } from "../audit/audit.ts";
import { type Copied, copyDatabase } from "../copy/copy-database.ts";
import { refuseUnfit } from "../copy/fitness.ts";
import { unsealDatabase } from "../copy/unseal-database.ts";
import type { Seal } from "../store/seal.ts";
import { readContext, say } from "./context.ts";
import { createProgress } from "./copy-progress.ts";
import { examples } from "./examples.ts";
import { DATABASE_HELP, databaseAt, namedDatabase } from "./named-database.ts";

const COPY_HELP = `
${DATABASE_HELP}

The target must be empty; what is not there is made. Nothing changes in the source
while it is copied: a service that runs on it refuses changes with UNAVAILABLE.
Every row of the copy is read again and compared. Then the source is sealed: it
serves no more, not even to a service that runs on it. Whatever fails, or is ended
by force, run it again: until the source says that it is sealed it is as it was, and
a target that is not finished refuses to serve.`;

const UNSEAL_HELP = `
${DATABASE_HELP}

Refuses while the copy may be there: two databases that both serve part ways, and
what is revoked in one lives on in the other.`;

/** `sallyport db …`: the database as a whole. */
export function addDbCommands(program: Command): void {
  const db = program
    .command("db")
    .description("move everything to another database, from SQLite to PostgreSQL or back")
    .addHelpText("after", examples(["sallyport db copy --from ./data --to postgres", "move to PostgreSQL"]));
  db.command("copy")
    .description("copy everything into an empty database, compare it, and seal the source; nobody is signed out")
    .requiredOption("--from <database>", "what to copy: a data folder, or postgres")
    .requiredOption("--to <database>", "where to: a data folder, or postgres")
    .option("--json", "the tables as JSON, one a line")
    .addHelpText(
      "after",
      examples(
        ["sallyport db copy --from ./data --to postgres", "move to PostgreSQL, with all settings of the new service"],
        ["sallyport db copy --from postgres --to ./data", "move back"],
      ),
    )
    .addHelpText("after", COPY_HELP)
    .action(copy);
  db.command("unseal")
    .description("let a database serve again whose copy is given up")
    .argument("<database>", "a data folder, or postgres")
    .option("--copy-is-gone", "do not look for the copy: it was removed, or will never serve")
    .addHelpText(
      "after",
      examples(
        ["sallyport db unseal ./data", "once the copy is removed from where it was"],
        ["sallyport db unseal ./data --copy-is-gone", "if it cannot be looked at, and will never serve"],
      ),
    )
    .addHelpText("after", UNSEAL_HELP)
    .action(unseal);
}

type CopyOptions = { readonly from: string; readonly to: string; readonly json?: boolean };

async function copy({ from, to, json = false }: CopyOptions): Promise<void> {
  const context = readContext();
  const source = namedDatabase(from, context);
  const target = namedDatabase(to, context);
  const fitness = { issuer: context.config.issuer, loadMasterKeys: target.masterKeys };
  const copied = await copyDatabase({
    source: { open: source.openSource },
    target: { open: target.openTarget },
    refuseUnfit: (side) => refuseUnfit(side, fitness),
    audit: createAudit(context),
    onProgress: createProgress(note, () => performance.now()),
  });
  for (const sum of copied.tables ?? []) say(json ? JSON.stringify(sum) : `${sum.table}  ${sum.rows}  ${sum.sha256}`);
  note(outcomeOf(copied));
}

function outcomeOf({ from, to, tables }: Copied): string {
  if (tables === null) return `${to} holds this copy already, and ${from} is sealed; serve from ${to}`;
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `copied ${rows} rows from ${from} to ${to}, and compared them; ${from} is sealed; serve from ${to}`;
}

async function unseal(name: string, { copyIsGone = false }: { readonly copyIsGone?: boolean }): Promise<void> {
  const context = readContext();
  const source = namedDatabase(name, context);
  const findCopy = (to: string) => databaseAt(to, context);
  const seal = await unsealDatabase({ source: { open: source.openSource }, findCopy, copyIsGone });
  note(`${name} ${whatIsLeft(seal)}`);
}

function whatIsLeft(seal: Seal | null): string {
  if (seal === null) return "was not sealed";
  if (seal.state === "unfinished") return "is empty, and may be begun anew";
  return `serves again, and its copy in ${seal.other} must not; if that has ever served, run: sallyport restored`;
}

/** Says a line on standard error. */
function note(line: string): void {
  process.stderr.write(`sallyport: ${line}\n`);
}
