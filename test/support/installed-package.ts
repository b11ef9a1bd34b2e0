/** The package as a stranger gets it: packed from a copy of this checkout that was never built. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { CHECKOUT, copyCheckout } from "./copied-checkout.ts";
import { onceARun } from "./once-a-run.ts";

const packReport = z.tuple([
  z.object({ filename: z.string(), size: z.number(), files: z.array(z.object({ path: z.string() })) }),
]);
const manifest = z.looseObject({
  version: z.string(),
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
});

/** The checkout's package.json. */
export const MANIFEST = manifest.parse(JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8")));

/** A tarball, with the paths in it, its size in bytes, and the folder of the sources that it was made of. */
export type Packed = {
  readonly tarball: string;
  readonly files: readonly string[];
  readonly size: number;
  readonly sources: string;
};

/** The package, packed once for all test files of a run. */
export async function packedPackage(): Promise<Packed> {
  const report = (folder: string) => join(folder, "packed.json");
  const folder = await onceARun("package", async (empty) =>
    writeFileSync(report(empty), JSON.stringify(await packInto(empty))),
  );
  return JSON.parse(readFileSync(report(folder), "utf8"));
}

/** Packs a copy of the checkout into `folder`, as `npm publish` would. */
async function packInto(folder: string): Promise<Packed> {
  const copy = join(folder, "checkout");
  copyCheckout(copy);
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], copy);
  const [report] = packReport.parse(JSON.parse(stdout));
  return {
    tarball: join(folder, report.filename),
    files: report.files.map(({ path }) => path).sort(),
    size: report.size,
    sources: copy,
  };
}

/** Runs a command to its end. @throws Error with all that it said, if it fails */
export async function run(command: string, args: readonly string[], cwd: string) {
  try {
    return await promisify(execFile)(command, args, { cwd, env: strangersEnvironment(), maxBuffer: 2 ** 24 });
  } catch (error) {
    const said = error instanceof Error && "stdout" in error && "stderr" in error ? error : { stdout: "", stderr: "" };
    throw new Error(`${command} ${args.join(" ")} failed:\n${said.stdout}${said.stderr}`, { cause: error });
  }
}

/** A tool of the checkout, by its path. */
export function tool(name: string): string {
  return join(CHECKOUT, "node_modules/.bin", name);
}

/**
 * The environment of someone who has the Node that runs this test and npm, but neither
 * our settings nor anything of the checkout on the path.
 */
export function strangersEnvironment(): NodeJS.ProcessEnv {
  const foreign = Object.entries(process.env).filter(
    ([name]) =>
      !/^(SALLYPORT_|VITEST|NODE_(ENV|OPTIONS|PATH|COMPILE_CACHE)$|npm_(package|lifecycle|config_local)|INIT_CWD$)/i.test(
        name,
      ),
  );
  const path = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((entry) => !`${entry}${sep}`.startsWith(CHECKOUT + sep));
  return { ...Object.fromEntries(foreign), PATH: [dirname(process.execPath), ...path].join(delimiter) };
}
