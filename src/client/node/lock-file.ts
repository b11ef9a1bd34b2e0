/**
 * A lock between processes of one machine: a file that only one of them can make.
 *
 * A holder that died is seen by its process id where that means the same here (see
 * {@link pidScope}), and anywhere else, or if it hangs, by the age of its lock. Such a lock is broken by whoever gets the lock that is named after it, and only if it is
 * still the very one that was looked at: so two who find the same dead lock never break
 * each other's new one.
 */
import { randomUUID } from "node:crypto";
import { link, open, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { pidScope } from "./pid-scope.ts";

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

/** The lock that stands at `path`. Its folder must be there. `scope` is within what process ids mean the same. */
export function createLockFile(path: string, scope: string | null = pidScope()): LockFile {
  return {
    async take(waitMs) {
      const end = performance.now() + waitMs;
      for (;;) {
        const release = await tryTake(path, scope);
        if (release !== null || performance.now() >= end) return release;
        await sleep(LOOK_MS * (1 + Math.random()));
      }
    },
  };
}

async function tryTake(path: string, scope: string | null): Promise<Release | null> {
  const name = randomUUID();
  // Made aside and linked into place: the lock is never there without its holder's name.
  const draft = `${path}.${name}`;
  try {
    await writeFile(draft, JSON.stringify({ name, pid: process.pid, scope }), { flag: "wx", mode: 0o600 });
    await link(draft, path);
    return () => give(path, name, scope);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const holder = await holderOf(path, scope);
  if (holder?.isGone) await breakLock(path, holder.name, scope);
  return null;
}

async function give(path: string, name: string, scope: string | null): Promise<void> {
  if ((await holderOf(path, scope))?.name === name) await rm(path, { force: true });
}

async function breakLock(path: string, name: string, scope: string | null): Promise<void> {
  const release = await tryTake(`${path}.${name}.broken`, scope);
  if (release === null) return;
  await give(path, name, scope).finally(release);
}

/** Who holds the lock; `null` if nobody does. */
async function holderOf(path: string, here: string | null): Promise<Holder | null> {
  const handle = await open(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const { name, pid, scope } = parse(await handle.readFile("utf8"));
    const { mtimeMs } = await handle.stat();
    const isDead = scope !== "" && scope === here && !isAlive(pid);
    return { name, isGone: isDead || Date.now() - mtimeMs > STALE_MS };
  } finally {
    await handle.close();
  }
}

/** What a lock says; one that was damaged has a name all the same, and goes by its age. */
function parse(text: string): { readonly name: string; readonly pid: number; readonly scope: string } {
  const [, name = "damaged"] = /"name":"([\w-]{36})"/.exec(text) ?? [];
  const [, pid = "0"] = /"pid":(\d{1,9})/.exec(text) ?? [];
  const [, scope = ""] = /"scope":"([^"\\]*)"/.exec(text) ?? [];
  return { name, pid: Number(pid), scope };
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
