/** What takes long to make and nobody changes, such as the packed package: made once, though many processes run the tests. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { inject } from "vitest";

/**
 * The folder of that name, which whoever asks first fills by `make`; others wait.
 * @throws Error for all of them if it could not be made
 */
export async function onceARun(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(inject("runFolder"), name);
  const outcome = `${folder}.outcome`;
  if (mkdirSync(folder, { recursive: true }) !== undefined) {
    const error = await make(folder).then(
      () => "",
      (reason: unknown) => `${name} could not be made: ${reason}`,
    );
    writeFileSync(`${outcome}.new`, error);
    renameSync(`${outcome}.new`, outcome);
  }
  while (!existsSync(outcome)) await pause(50);
  const error = readFileSync(outcome, "utf8");
  if (error !== "") throw new Error(error);
  return folder;
}
