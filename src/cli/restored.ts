import type { Command } from "commander";
import { say, withCore } from "./context.ts";
import { examples } from "./examples.ts";

/** `sallyport restored`: declares that the database was put back in time. */
export function addRestoredCommand(program: Command): void {
  program
    .command("restored")
    .description(
      "after a restore from backup: begin a new revocation log, end every session, replace every signing key, so that nothing lives that was revoked since the backup",
    )
    .addHelpText(
      "after",
      examples(["sallyport restored", "before the service starts again on a backup, or at once if it runs already"]),
    )
    .action(async () => {
      const { logId, sessions } = await withCore((core) => core.declareRestored());
      say(`began the log ${logId}; ended ${sessions} sessions; everybody logs in again`);
    });
}
