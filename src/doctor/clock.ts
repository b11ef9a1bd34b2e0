/** Examines the clock of this machine, against whatever tells that it is later than the clock says. */
import { statSync } from "node:fs";
import { type Finding, fine, wrong } from "./finding.ts";

/** Something that has happened, in milliseconds. */
type Seen = { readonly what: string; readonly time: number };

/** What a clock may be behind another's, such as that of a file server. */
const LEEWAY_MS = 5_000;
/** No clock that is right says less: that is when this was written. */
const WRITTEN: Seen = { what: "the making of this version", time: Date.UTC(2026, 10, 1) };

/**
 * Whether the clock is behind what has happened: the last change of each file, if it is there, and of the database
 * what is in it, if that is known.
 */
export function examineClock(now: number, files: readonly string[], latestEvent: number): Finding {
  const seen = [WRITTEN, { what: "the latest event in the database", time: latestEvent }, ...files.flatMap(lastChange)];
  const latest = seen.reduce((one, other) => (other.time > one.time ? other : one));
  const behindMs = latest.time - now;
  if (behindMs <= LEEWAY_MS) return fine(new Date(now).toISOString());
  return wrong(
    `${Math.ceil(behindMs / 1000)} s behind ${latest.what}`,
    "set the clock of this machine, for instance by NTP",
  );
}

function lastChange(file: string): readonly Seen[] {
  try {
    return [{ what: `the last change of ${file}`, time: statSync(file).mtimeMs }];
  } catch {
    // Not there, or not to be looked at: other findings tell.
    return [];
  }
}
