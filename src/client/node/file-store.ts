/**
 * `sallyport/client/node`: a session in a file, for command lines and services. Several
 * processes may share it.
 *
 * The file is only ever replaced as a whole, on disk before that counts, and readable by
 * its owner alone; one that others may read, or that is no file, is refused. What stands in
 * it is never put right silently: the words of the error say what to do.
 */
import { constants } from "node:fs";
import { access, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileFault } from "../../lib/file-fault.ts";
import { type SessionStore, SessionStoreError } from "../session-store.ts";
import { codeOf, createLockFile } from "./lock-file.ts";

/** A session takes a few kilobytes. */
const MOST_BYTES = 256 * 1024;
/** Writing takes some milliseconds; a refresh some seconds, and is safe without the lock. */
const WRITE_WAIT_MS = 10_000;
const REFRESH_WAIT_MS = 5_000;
/** Windows knows neither modes nor links that matter here; there, the folder of the user's profile is what protects. */
const IS_POSIX = process.platform !== "win32";
const READ = constants.O_RDONLY | (IS_POSIX ? constants.O_NOFOLLOW | constants.O_NONBLOCK : 0);

/**
 * A store in the file at `path`, which is made when somebody signs in; its folder must be
 * there. Next to it, locks and drafts come and go under its name with something behind.
 */
export function createFileStore({ path }: { readonly path: string }): SessionStore {
  const file = resolve(path);
  const writing = createLockFile(`${file}.lock`);
  const refreshing = createLockFile(`${file}.refresh`);

  return {
    place: file,
    read: () => told(file, () => readPrivate(file)),
    replace: (expected, next) =>
      told(file, async () => {
        const release = await writing.take(WRITE_WAIT_MS);
        if (release === null)
          throw new SessionStoreError(
            `${file}.lock is held by a process that does not end; end it, or remove that file`,
          );
        try {
          if ((await readPrivate(file)) !== expected) return false;
          await put(file, next);
          return true;
        } finally {
          await release();
        }
      }),
    async exclusively(work) {
      const release = await told(file, () => refreshing.take(REFRESH_WAIT_MS));
      try {
        return await work();
      } finally {
        await release?.();
      }
    },
    // Each call looks into the file anyhow; nothing is gained by a watch that would keep a process alive.
    watch: () => () => undefined,
  };
}

async function readPrivate(file: string): Promise<string | null> {
  const handle = await open(file, READ).catch(absent);
  if (handle === null) {
    // Better to hear of it now than when a session has begun that cannot be kept.
    await access(dirname(file), constants.W_OK | constants.X_OK);
    return null;
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new SessionStoreError(`${file} is no file; name another path`);
    if (IS_POSIX && stats.uid !== process.geteuid?.())
      throw new SessionStoreError(`${file} belongs to another user; remove it, or name another path`);
    if (IS_POSIX && (stats.mode & 0o077) !== 0)
      throw new SessionStoreError(
        `${file} may be used by others than its owner; chmod 600 it, and log in anew if they might have read it`,
      );
    if (stats.size > MOST_BYTES) throw new SessionStoreError(`${file} is too large for a session; name another path`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

/** Puts the text on disk. Under the lock, so that the draft is nobody else's. */
async function put(file: string, text: string | null): Promise<void> {
  const draft = `${file}.draft`;
  // Left behind by a process that died; or laid there by somebody for us to write into.
  await rm(draft, { force: true });
  if (text === null) await rm(file, { force: true });
  else {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  }
  if (!IS_POSIX) return;
  const folder = await open(dirname(file));
  await folder.sync().finally(() => folder.close());
}

function absent(error: unknown): null {
  if (codeOf(error) === "ENOENT") return null;
  throw error;
}

/** Runs the work; what the system refused is told with what to do about it. */
async function told<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof SessionStoreError) throw cause;
    if (codeOf(cause) === "ELOOP") throw new SessionStoreError(`${file} is a link; name the file itself`, { cause });
    const fault = fileFault(cause) ?? codeOf(cause);
    throw new SessionStoreError(`${file} cannot be used: ${fault}`, { cause });
  }
}
