/**
 * Builds what the package exports into `dist/`: code and types by tsc, the protos as
 * a tree that any protoc compiles without our help, and the contract as a descriptor
 * set. `npm run build`; `npm pack` runs it first.
 */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withJsExtensions } from "./declarations.ts";
import { writeContract } from "./shipped-protos.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
for (const file of globSync("**/*.d.ts", { cwd: dist })) {
  const path = join(dist, file);
  writeFileSync(path, withJsExtensions(readFileSync(path, "utf8")));
}
writeContract({ from: join(root, "proto"), to: dist });
