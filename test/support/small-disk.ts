/** A disk that is full when a test wants it to be. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./app.ts";

/** A disk, and when it is full; what fills it affects whoever was started `under` it. */
export type SmallDisk = {
  readonly folder: string;
  readonly under: readonly string[];
  readonly fill: (pid?: number) => void;
  readonly free: (pid?: number) => void;
  readonly remove: () => void;
};

/**
 * A file system of its own where the user may mount one, of so many megabytes in memory; else files that cannot grow,
 * which fails in the same places.
 */
export function makeSmallDisk(megabytes = 2): SmallDisk {
  const top = temporaryFolder();
  return mountedDisk(top, megabytes) ?? limitedFiles(top);
}

function mountedDisk(top: string, megabytes: number): SmallDisk | null {
  const mount = join(top, "disk");
  mkdirSync(mount);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=700`, "sallyport-test", mount], {
      stdio: "ignore",
    });
  } catch {
    return null;
  }
  const ballast = join(mount, "ballast");
  return {
    folder: join(mount, "data"),
    under: [],
    fill: () => {
      for (const bytes of [65_536, 4096]) pour(ballast, bytes);
    },
    free: () => rmSync(ballast),
    remove: () => {
      execFileSync("umount", [mount]);
      rmSync(top, { recursive: true });
    },
  };
}

function pour(file: string, bytes: number): void {
  const drop = Buffer.alloc(bytes);
  try {
    for (;;) appendFileSync(file, drop);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}

/** A limit on the size of files (RLIMIT_FSIZE), which can be set for a process that runs. */
function limitedFiles(top: string): SmallDisk {
  const limit = (pid: number | undefined, bytes: string) => {
    if (pid !== undefined) execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
  };
  let isFull = false;
  return {
    folder: join(top, "data"),
    get under() {
      // Told by an error, rather than ended by a signal.
      return ["bash", "-c", `trap '' XFSZ; ulimit -S -f ${isFull ? 0 : "unlimited"}; exec "$@"`, "bash"];
    },
    fill: (pid) => {
      isFull = true;
      limit(pid, "0");
    },
    free: (pid) => {
      isFull = false;
      limit(pid, "unlimited");
    },
    remove: () => rmSync(top, { recursive: true }),
  };
}
