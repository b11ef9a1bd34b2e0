import type { Command } from "commander";
import { databaseFile } from "../database.ts";
import { examine } from "../doctor/examine.ts";
import type { Finding } from "../doctor/finding.ts";
import { readContext, say } from "./context.ts";
import { examples } from "./examples.ts";

/** `sallyport doctor`: looks at everything that a start depends on. */
export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description(
      "look at Node, files, disk, database, keys, clock, certificates and ports, and say how to mend what is wrong; changes nothing",
    )
    .option("--json", "as JSON, one finding a line")
    .addHelpText(
      "after",
      examples(
        ["sallyport doctor", "examine with the settings that the service gets; exit code 1 if anything is wrong"],
        ["sallyport doctor --json", "one finding a line: name, found, and mend, which is null where all is well"],
      ),
    )
    .action(diagnose);
}

async function diagnose({ json }: { readonly json?: boolean }): Promise<void> {
  const context = readContext();
  const patient = { ...context, databaseFile: databaseFile(context.config) };
  for await (const [name, finding] of examine(patient)) {
    if (finding.mend !== null) process.exitCode = 1;
    say(json ? JSON.stringify({ name, ...finding }) : toText(name, finding));
  }
}

function toText(name: string, { found, mend }: Finding): string {
  return mend === null ? `ok     ${name}: ${found}` : `WRONG  ${name}: ${found}\n       to mend it: ${mend}`;
}
