import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";

/** The version of this package, as its package.json says. */
export function readVersion(): string {
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) throw new Error("the package.json of sallyport is missing");
  const { version }: { version?: unknown } = JSON.parse(readFileSync(file, "utf8"));
  return String(version);
}
