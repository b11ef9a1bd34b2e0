/** Examines the data folder, its disk and the files in it. */
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Finding, fine, wrong } from "./finding.ts";

/** Bits of a mode that let others than the owner in. */
const OTHERS = 0o077;
/** What a start, a migration and a few hours of work take, and some more. */
const ROOM_BYTES = 64 * 1024 * 1024;

/** Whether the folder is there, ours to write to, and closed to others. */
export function examineFolder(folder: string): Finding {
  if (!existsSync(folder)) {
    if (existsSync(dirname(folder))) return fine(`${folder} is not there yet; the first start makes it`);
    return wrong(
      `neither ${folder} nor the folder above it is there`,
      "make the one above, mount its disk, or set SALLYPORT_DATA_DIR",
    );
  }
  if (!statSync(folder).isDirectory()) return wrong(`${folder} is no folder`, "set SALLYPORT_DATA_DIR to a folder");
  if (!isAllowed(folder, constants.R_OK | constants.W_OK | constants.X_OK))
    return wrong(`${folder} cannot be written to`, `chown or remount it, or set SALLYPORT_DATA_DIR`);
  return examineMode(folder, "700");
}

/** Whether there is room on the disk of the folder, or of the one that it will be made in. */
export function examineDisk(folder: string): Finding {
  const place = [folder, dirname(folder)].find(existsSync);
  if (place === undefined) return fine("not there");
  const { bavail, bsize } = statfsSync(place);
  const megabytes = Math.floor((bavail * bsize) / 1024 / 1024);
  if (bavail * bsize >= ROOM_BYTES) return fine(`${megabytes} MiB are free`);
  return wrong(
    `only ${megabytes} MiB are free on the disk of ${place}`,
    "make room there; a full disk stops all changes",
  );
}

/** Whether we can read and write the file and nobody else can; one that is not there is none of the doctor's business. */
export function examineFile(file: string): Finding {
  if (!existsSync(file)) return fine(`${file} is not there`);
  if (!statSync(file).isFile()) return wrong(`${file} is no file`, "move it away, and put back what was there");
  if (!isAllowed(file, constants.R_OK))
    return wrong(`${file} cannot be read by this user`, `chown it, or chmod 600 ${file}`);
  return examineMode(file, "600");
}

function examineMode(file: string, mode: "600" | "700"): Finding {
  const actual = statSync(file).mode & 0o777;
  if ((actual & OTHERS) === 0) return fine(`${file} is closed to others`);
  return wrong(`others can reach ${file} (mode ${actual.toString(8)})`, `chmod ${mode} ${file}`);
}

function isAllowed(file: string, access: number): boolean {
  try {
    accessSync(file, access);
    return true;
  } catch {
    return false;
  }
}
