/** Generates the code again, beside what is committed, and fails if they differ. Needs `proto-deps/`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const COMMITTED = "gen";
const fresh = mkdtempSync(join(tmpdir(), "sallyport-gen-"));

try {
  execFileSync("buf", ["generate", "--output", fresh], { stdio: "inherit" });
  const differing = differences(COMMITTED, join(fresh, COMMITTED));
  if (differing.length > 0) {
    console.error(`gen/ is not what the protos say; run \`npm run gen\`:\n  ${differing.join("\n  ")}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true });
}

/** Files that are in one folder only, or not the same in both. */
function differences(left: string, right: string): string[] {
  const files = new Set([...filesIn(left), ...filesIn(right)]);
  return [...files].filter((file) => textOf(join(left, file)) !== textOf(join(right, file))).sort();
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
