import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** Installs what only the benchmark needs, unless that is there. @throws Error if npm fails. */
export function installPeers(): void {
  const [wanted, installed] = [`${FOLDER}package-lock.json`, `${FOLDER}node_modules/.package-lock.json`];
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  process.stderr.write("installing what is compared with, into bench/node_modules …\n");
  // Under `npm run` this is npm's own file; the program of that name is a script on some systems.
  const npm = process.env.npm_execpath;
  const [program, args] = npm === undefined ? ["npm", ["ci"]] : [process.execPath, [npm, "ci"]];
  const { status } = spawnSync(program, args, { cwd: FOLDER, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("npm ci failed in bench/");
}
