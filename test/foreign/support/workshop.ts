/** Where tools of other languages are kept between runs, and the protos that they compile. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "./programs.ts";

/** The checkout. */
export const ROOT = join(import.meta.dirname, "../../..");
/** The tests of other makes. */
export const FOREIGN = join(ROOT, "test/foreign");

/** A folder that outlives the run and is new whenever the file given changes. */
export function cacheFor(name: string, file: string): string {
  const version = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);
  const folder = join(ROOT, "node_modules/.cache/foreign", `${name}-${version}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The contract and what it imports, as an include path. */
export const PROTO_FOLDERS: readonly string[] = [join(ROOT, "proto"), join(ROOT, "proto-deps")];
/** The `buf` that comes with the checkout. */
export const BUF = join(ROOT, "node_modules/.bin/buf");

/** Lays out the protos of others. Once, before all tests: the folder is emptied first. */
export async function writeProtoDeps(): Promise<void> {
  await mustRun(process.execPath, [join(ROOT, "scripts/proto-deps.ts")], { cwd: ROOT });
}

/** The last line that says something. */
export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
