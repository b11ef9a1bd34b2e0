/**
 * A lock between processes of one machine: a file that only one of them can make.
 *
 * A holder that died is seen by its process id, one that hangs by the age of its lock.
 * Such a lock is broken by whoever gets the lock that is named after it, and only if it is
 * still the very one that was looked at: so two who find the same dead lock never break
 * each other's new one.
 */
import { randomUUID } from "node:crypto";
import { link, open, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** Gives a lock back. */
type Release = () => Promise<void>;

/** Takes a lock. */
export type LockFile = {
  /** Waits for the lock so long, in milliseconds; `null` if it could not be had. */
  readonly take: (waitMs: number) => Promise<Release | null>;
};

/** Who holds a lock. */
type Holder = { readonly name: string; readonly isGone: boolean };

/** Older than any piece of work under a lock: whoever holds one for longer hangs. */
export const STALE_MS = 60_000;
const LOOK_MS = 10;

/** The lock that stands at `path`. Its folder must be there. */
export function createLockFile(path: string): LockFile {
  return {
    async take(waitMs) {
      const end = performance.now() + waitMs;
      for (;;) {
        const release = await tryTake(path);
        if (release !== null || performance.now() >= end) return release;
        await sleep(LOOK_MS * (1 + Math.random()));
      }
    },
  };
}

async function tryTake(path: string): Promise<Release | null> {
  const name = randomUUID();
  // Made aside and linked into place: the lock is never there without its holder's name.
  const draft = `${path}.${name}`;
  try {
    await writeFile(draft, JSON.stringify({ name, pid: process.pid, host: hostname() }), { flag: "wx", mode: 0o600 });
    await link(draft, path);
    return () => give(path, name);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const holder = await holderOf(path);
  if (holder?.isGone) await breakLock(path, holder.name);
  return null;
}

async function give(path: string, name: string): Promise<void> {
  if ((await holderOf(path))?.name === name) await rm(path, { force: true });
}

async function breakLock(path: string, name: string): Promise<void> {
  const release = await tryTake(`${path}.${name}.broken`);
  if (release === null) return;
  await give(path, name).finally(release);
}

/** Who holds the lock; `null` if nobody does. */
async function holderOf(path: string): Promise<Holder | null> {
  const handle = await open(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const { name, pid, host } = parse(await handle.readFile("utf8"));
    const { mtimeMs } = await handle.stat();
    return { name, isGone: Date.now() - mtimeMs > STALE_MS || (host === hostname() && !isAlive(pid)) };
  } finally {
    await handle.close();
  }
}

/** What a lock says; one that was damaged has a name all the same, and goes by its age. */
function parse(text: string): { readonly name: string; readonly pid: number; readonly host: string } {
  const [, name = "damaged"] = /"name":"([\w-]{36})"/.exec(text) ?? [];
  const [, pid = "0"] = /"pid":(\d{1,9})/.exec(text) ?? [];
  const [, host = ""] = /"host":"([^"\\]*)"/.exec(text) ?? [];
  return { name, pid: Number(pid), host };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, but belongs to somebody else.
    return codeOf(error) === "EPERM";
  }
}

/** The system's code of an error; empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
