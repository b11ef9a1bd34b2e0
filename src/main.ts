/**
 * The command line: which command there is, and what its failure means for a script.
 * The exit codes are in its help.
 */
import { Command, CommanderError } from "commander";
import { addAccessMatrixCommand } from "./cli/access-matrix.ts";
import { CommandFault } from "./cli/command-fault.ts";
import { addDbCommands } from "./cli/db.ts";
import { addDoctorCommand } from "./cli/doctor.ts";
import { examples } from "./cli/examples.ts";
import { addKeysCommands } from "./cli/keys.ts";
import { addMigrateCommand } from "./cli/migrate.ts";
import { addRestoredCommand } from "./cli/restored.ts";
import { addServeCommand } from "./cli/serve.ts";
import { addServicesCommands } from "./cli/services.ts";
import { addUsersCommands } from "./cli/users.ts";
import { ConfigError } from "./config.ts";
import { readVersion } from "./version.ts";

/** Runs the command that the arguments name, to its end. Sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // Were it the default otherwise too, it would be given whatever names no other command.
  const program = createProgram({ servesByDefault: argv.length <= 2 });
  // A reader that has seen enough, such as `head`, is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The command line with all its commands. */
export function createProgram({ servesByDefault }: { readonly servesByDefault: boolean }): Command {
  const program = new Command("sallyport")
    .description("An authentication service that other backends delegate to through one typed RPC contract.")
    .version(readVersion())
    .showHelpAfterError("(--help behind the command shows how it is used)")
    .addHelpText("after", HELP)
    .exitOverride();
  addServeCommand(program, { isDefault: servesByDefault });
  addMigrateCommand(program);
  addUsersCommands(program);
  addServicesCommands(program);
  addKeysCommands(program);
  addDbCommands(program);
  addRestoredCommand(program);
  addDoctorCommand(program);
  addAccessMatrixCommand(program);
  return program;
}

const HELP = `${examples(
  ["sallyport serve", "serve on http://127.0.0.1:8080, with the data in ./data"],
  ["sallyport users create ada --role admin", "make the first administrator, beside the server or before it starts"],
  ["sallyport doctor", "find out why it does not start, or what else is wrong, and how to mend it"],
)}

Each command has examples of its own: sallyport users create --help

Settings are environment variables, the same for every command, such as
SALLYPORT_DATA_DIR=./data; sallyport serve --help lists them all.

Exit codes:
  0   done
  1   refused or failed; standard error says why, and what to do
  2   the command line or the settings are wrong; nothing was done
  69  Node is too old for this, or another server that was asked does not answer

What begins with a dash but is no option goes behind two: sallyport users show -- -ada`;

/** Says what went wrong, unless commander has; the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`sallyport: ${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof CommandFault) return error.exitCode;
  return error instanceof ConfigError ? 2 : 1;
}
