/** Strings that have broken programs before: two collections that grew out of the Big List of Naughty Strings, as one. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const COLLECTIONS = [
  "big-list-of-naughty-strings/blns.json",
  "naughty-string-validator/src/naughty-string-db/blns.json",
];
const { resolve } = createRequire(import.meta.url);

/** Each string once. */
export const NAUGHTY_STRINGS: readonly string[] = [...new Set(COLLECTIONS.flatMap(stringsOf))];

function stringsOf(collection: string): readonly string[] {
  const strings: unknown = JSON.parse(readFileSync(resolve(collection), "utf8"));
  if (!Array.isArray(strings)) throw new Error(`${collection} is no list`);
  return strings.map(String);
}
