/** Where tools of other makes are kept between runs, and the protos that they compile. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeContract } from "../../../scripts/shipped-protos.ts";

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

/** Writes the protos as the package ships them; their folder, which is all that a compiler has to be told. */
export function writeShippedProtos(to: string): string {
  writeContract({ from: join(ROOT, "proto"), to });
  return join(to, "proto");
}

/** The last line that says something. */
export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
