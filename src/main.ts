/**
 * The command line: which command there is, and what its failure means for a script.
 * Exit codes: 0 done, 1 refused or failed, 2 the command line or the settings are wrong.
 */
import { Command, CommanderError } from "commander";
import { addDoctorCommand } from "./cli/doctor.ts";
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
  const program = new Command("sallyport")
    .description("An authentication service that other backends delegate to through one typed RPC contract.")
    .version(readVersion())
    .exitOverride();
  addServeCommand(program);
  addMigrateCommand(program);
  addUsersCommands(program);
  addServicesCommands(program);
  addKeysCommands(program);
  addRestoredCommand(program);
  addDoctorCommand(program);
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

/** Says what went wrong, unless commander has; the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`sallyport: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof ConfigError ? 2 : 1;
}
