import { execFileSync } from "node:child_process";
import { cpSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Makes the package as it is installed, out of this checkout: compiled, because a
 * checkout compiles itself as it starts, and keeps the compiler in memory. Types are
 * not looked at. The path of its entry.
 */
export function installInto(folder: string): string {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const wanted = ["-p", "tsconfig.build.json", "--outDir", join(folder, "dist")];
  const hurry = ["--noCheck", "--declaration", "false", "--noEmitOnError", "false"];
  execFileSync(process.execPath, [tsc, ...wanted, ...hurry], { cwd: CHECKOUT, stdio: "inherit" });
  for (const part of ["bin", "package.json"]) cpSync(join(CHECKOUT, part), join(folder, part), { recursive: true });
  symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
  return join(folder, "bin/sallyport.js");
}
