/** A folder for what is made once for all test files of a run. Vitest calls this before the first of them and after the last. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder, for `inject`. */
    runFolder: string;
  }
}

let folder: string | null = null;

export function setup(project: Pick<TestProject, "provide">): void {
  folder = mkdtempSync(join(tmpdir(), "sallyport-run-"));
  project.provide("runFolder", folder);
}

/** Many thousands of files: Vitest must go on meanwhile, or it takes its workers for stuck. */
export async function teardown(): Promise<void> {
  if (folder !== null) await rm(folder, { recursive: true });
}
