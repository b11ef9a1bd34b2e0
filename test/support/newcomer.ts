/** What somebody has who follows a page of ours: a checkout that nobody has worked in, and a shell. */
import { accessSync, constants, readdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { temporaryFolder } from "./app.ts";

const checkout = join(import.meta.dirname, "../..");
/** What a checkout does not hold, or what the pages make themselves. */
const NOT_LINKED = new Set([".git", "data", "tokens.json", "backend.ts", "page.ts"]);

/** A folder that looks like a fresh checkout after its install. */
export function linkedCheckout(): string {
  const folder = temporaryFolder();
  for (const name of readdirSync(checkout))
    if (!NOT_LINKED.has(name)) symlinkSync(join(checkout, name), join(folder, name));
  return folder;
}

/** The environment of a newcomer's shell: none of our settings, nothing of the npm that runs this test. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(SALLYPORT|npm|VITEST|NODE)_/i.test(name));
  return Object.fromEntries(own);
}

/** Whether the shell finds a program of this name. */
export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
