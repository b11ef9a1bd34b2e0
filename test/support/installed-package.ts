/**
 * The package as a stranger gets it: packed from a copy of this checkout that was never
 * built, and installed into an empty project elsewhere.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { CHECKOUT, copyCheckout } from "./copied-checkout.ts";

const packReport = z.tuple([
  z.object({ filename: z.string(), size: z.number(), files: z.array(z.object({ path: z.string() })) }),
]);
const lockFile = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ version: z.string(), dev: z.boolean().optional() })),
});
const manifest = z.looseObject({
  version: z.string(),
  bin: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
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

/** Packs a copy of the checkout into `folder`, as `npm publish` would. */
export async function packInto(folder: string): Promise<Packed> {
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

/**
 * Installs the tarball into a new project in `folder`. What it depends on comes in the
 * versions of our own lock file, so that npm needs no more than the cache which `npm ci`
 * filled. No install script runs: the package must not need one.
 */
export async function installInto(folder: string, tarball: string): Promise<string> {
  const project = join(folder, "project");
  const wanted = { name: "project", private: true, type: "module", dependencies: { sallyport: `file:${tarball}` } };
  const { packages, ...lock } = lockFile.parse(JSON.parse(readFileSync(join(CHECKOUT, "package-lock.json"), "utf8")));
  const { version, bin, dependencies } = MANIFEST;
  const registry = (await run("npm", ["config", "get", "registry"], folder)).stdout.trim();
  const shipped = Object.entries(packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true)
    .map(([path, entry]) => [path, { resolved: addressOf(registry, path, entry.version), ...entry }]);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify(wanted));
  writeFileSync(
    join(project, "package-lock.json"),
    JSON.stringify({
      ...lock,
      name: wanted.name,
      packages: {
        "": wanted,
        "node_modules/sallyport": { version, resolved: `file:${tarball}`, bin, dependencies },
        ...Object.fromEntries(shipped),
      },
    }),
  );
  await run("npm", ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"], project);
  return project;
}

/** Where the registry has a package: npm looks into its cache for a tarball only if it knows an address. */
function addressOf(registry: string, path: string, version: string): string {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  return new URL(`${name}/-/${name.replace(/^@.*\//, "")}-${version}.tgz`, registry).href;
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
