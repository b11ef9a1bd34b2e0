/** What to do about a file or folder that cannot be opened, made, read or written; `null` for any other error. */
export function fileFault(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return FAULTS.get(error.code) ?? null;
}

const NOT_OURS = "this user may not; give it, and the folders above it, to the user who runs this";
const NO_FOLDER = "the folder that it belongs into is not there; make that folder first";

const FAULTS: ReadonlyMap<string, string> = new Map([
  ["EACCES", NOT_OURS],
  ["EPERM", NOT_OURS],
  ["EROFS", "its file system is read-only; mount it for writing"],
  ["ENOSPC", "its disk is full; make room there"],
  ["EDQUOT", "the quota of this user is used up; make room there"],
  ["EFBIG", "the limit on the size of files is reached; raise that (ulimit -f)"],
  ["ENOENT", NO_FOLDER],
  ["ENOTDIR", "a folder above it is none, but a file"],
]);
