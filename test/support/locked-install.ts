/**
 * Installs the tarball into a project as a stranger does, in the versions of our own lock file, so that npm
 * needs no more than the cache which `npm ci` filled.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CHECKOUT } from "./copied-checkout.ts";
import { MANIFEST, run } from "./installed-package.ts";

const needs = z.record(z.string(), z.string()).optional();
const lockFile = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string(),
      dev: z.boolean().optional(),
      dependencies: needs,
      optionalDependencies: needs,
      peerDependencies: needs,
    }),
  ),
});
type Locked = z.infer<typeof lockFile>["packages"];

/**
 * Installs the tarball, and packages of the checkout beside it (`{ name: version }`), into a new folder. No install script runs: the
 * package must not need one.
 */
export async function installInto(
  project: string,
  tarball: string,
  beside: Readonly<Record<string, string>> = {},
): Promise<void> {
  const dependencies = { sallyport: `file:${tarball}`, ...beside };
  const wanted = { name: "project", private: true, type: "module", dependencies };
  const { packages, ...lock } = lockFile.parse(JSON.parse(readFileSync(join(CHECKOUT, "package-lock.json"), "utf8")));
  const { version, bin, dependencies: shipped, peerDependencies, peerDependenciesMeta } = MANIFEST;
  mkdirSync(project, { recursive: true });
  const registry = (await run("npm", ["config", "get", "registry"], project)).stdout.trim();
  const entries = [...reached(packages, Object.keys({ ...shipped, ...beside }))].map((path) => {
    const { dev: _, ...entry } = packages[path] ?? { version: "" };
    return [path, { resolved: addressOf(registry, path, entry.version), ...entry }];
  });
  const sallyport = { version, bin, dependencies: shipped, peerDependencies, peerDependenciesMeta };
  const locked = {
    "": wanted,
    "node_modules/sallyport": { ...sallyport, resolved: `file:${tarball}` },
    ...Object.fromEntries(entries),
  };
  writeFileSync(join(project, "package.json"), JSON.stringify(wanted));
  writeFileSync(join(project, "package-lock.json"), JSON.stringify({ ...lock, name: wanted.name, packages: locked }));
  await run("npm", ["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"], project);
}

/** Where the lock file has these packages and all that they need in turn. */
function reached(packages: Locked, names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  function reach(from: string, name: string): void {
    const path = nearest(packages, from, name);
    const entry = packages[path];
    if (entry === undefined || found.has(path)) return;
    found.add(path);
    const { dependencies, optionalDependencies, peerDependencies } = entry;
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
      reach(path, next);
  }
  for (const name of names) reach("", name);
  return found;
}

/** Where Node would find the package `name` from the package at `from`; the top if nowhere nearer. */
function nearest(packages: Locked, from: string, name: string): string {
  for (let at = from; at !== ""; at = at.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, "")) {
    const path = `${at}/node_modules/${name}`;
    if (Object.hasOwn(packages, path)) return path;
  }
  return `node_modules/${name}`;
}

/** Where the registry has a package: npm looks into its cache for a tarball only if it knows an address. */
function addressOf(registry: string, path: string, version: string): string {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  return new URL(`${name}/-/${name.replace(/^@.*\//, "")}-${version}.tgz`, registry).href;
}
