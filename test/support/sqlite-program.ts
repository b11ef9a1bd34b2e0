import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { hasProgram } from "./newcomer.ts";

/** The little of `sqlite3` that our pages use, for machines that lack it. */
const STAND_IN = `#!/usr/bin/env -S npx node
const { default: Database } = await import("better-sqlite3");
const readonly = process.argv[2] === "-readonly";
const [file, command] = process.argv.slice(readonly ? 3 : 2);
const database = new Database(file, { readonly, fileMustExist: true });
const target = /^\\.backup (\\S+)$/.exec(command)?.[1];
if (target === undefined) {
  const statement = database.prepare(command);
  if (statement.reader) for (const row of statement.raw().iterate()) console.log(row.join("|"));
  else statement.run();
} else {
  await database.backup(target);
}
database.close();
`;

/** A search path on which there is a `sqlite3`: the machine's, or else a stand-in that is written into `folder`. */
export function pathWithSqlite(folder: string): string {
  const path = process.env.PATH ?? "";
  if (hasProgram("sqlite3")) return path;
  const programs = join(folder, "programs");
  mkdirSync(programs);
  writeFileSync(join(programs, "sqlite3"), STAND_IN);
  chmodSync(join(programs, "sqlite3"), 0o755);
  return [programs, path].join(delimiter);
}
