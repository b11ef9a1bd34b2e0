/** Examines the data folder and the files in it. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { type Finding, fine, wrong } from "./finding.ts";

/** Bits of a mode that let others than the owner in. */
const OTHERS = 0o077;

/** Whether the folder is there, ours to write to, and closed to others. */
export function examineFolder(folder: string): Finding {
  if (!existsSync(folder)) return fine(`${folder} is not there yet; the first start makes it`);
  if (!statSync(folder).isDirectory()) return wrong(`${folder} is no folder`, "set SALLYPORT_DATA_DIR to a folder");
  if (!isWritable(folder))
    return wrong(`${folder} cannot be written to`, `chown or remount it, or set SALLYPORT_DATA_DIR`);
  return examineMode(folder, "700");
}

/** Whether others can read the file; one that is not there is none of the doctor's business. */
export function examineMode(file: string, mode: "600" | "700"): Finding {
  if (!existsSync(file)) return fine(`${file} is not there`);
  const actual = statSync(file).mode & 0o777;
  if ((actual & OTHERS) === 0) return fine(`${file} is closed to others`);
  return wrong(`others can reach ${file} (mode ${actual.toString(8)})`, `chmod ${mode} ${file}`);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
