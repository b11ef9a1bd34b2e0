/** The examples as a newcomer has them: out of the checkout, with the packed package installed, and commands to follow. */
import { cpSync, globSync, readFileSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { temporaryFolder } from "./app.ts";
import { CHECKOUT } from "./copied-checkout.ts";
import { packedPackage } from "./installed-package.ts";
import { installInto } from "./locked-install.ts";
import { onceARun } from "./once-a-run.ts";
import { blocksOf, type Step, stepsOf } from "./readme.ts";

export const EXAMPLES = join(CHECKOUT, "examples");
/** What following an example leaves behind, in a checkout where somebody did. */
const LEFT_BEHIND = /^(node_modules|gen|dist|data|api-key|package-lock\.json|.*\.binpb)$/;

/** What an example in TypeScript needs, as its package.json states it. */
export function needsOf(name: string): Readonly<Record<string, string>> {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(EXAMPLES, name, "package.json"), "utf8"));
  return { ...dependencies, ...devDependencies };
}

/** The examples in TypeScript. */
export const NODE_EXAMPLES = globSync("*/package.json", { cwd: EXAMPLES }).map(dirname).sort();

/** A folder of its own with copies of these examples, and everything installed that any example needs. Its owner removes it. */
export async function copyExamples(names: readonly string[]): Promise<string> {
  const folder = temporaryFolder();
  const installed = await onceARun("examples", async (empty) => {
    const { sallyport: _, ...beside } = Object.assign({}, ...NODE_EXAMPLES.map(needsOf));
    await installInto(empty, (await packedPackage()).tarball, beside);
  });
  for (const name of names) {
    const filter = (path: string) => !LEFT_BEHIND.test(basename(path));
    cpSync(join(EXAMPLES, name), join(folder, name), { recursive: true, filter });
    symlinkSync(join(installed, "node_modules"), join(folder, name, "node_modules"));
  }
  return folder;
}

/** The commands that an example's README gives, each with the output that it shows. Those noted `server` run until they are stopped. */
export function stepsOfExample(folder: string): readonly Step[] {
  return stepsOf(blocksOf(readFileSync(join(folder, "README.md"), "utf8")), ["sh"]);
}
