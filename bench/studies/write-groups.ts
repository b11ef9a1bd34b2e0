/** What a group of refreshes writes, on a database of its own: in this thread, or in the thread that this file is started as. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";

/** One write of a group: a session, and what it moves on to. */
export type Write = { readonly id: string; readonly generation: number; readonly now: number };

/** Sessions in the database. */
export const SESSIONS = 1000;

/** A folder that goes with the process. */
export function temporaryDatabase(): string {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-study-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "study.db");
}

/** Returns a function that writes a group in one transaction, each behind a savepoint, and says which were kept. */
export function openWriter(file: string): (group: readonly Write[]) => boolean[] {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec(
    "create table if not exists sessions (id text primary key, generation integer, rotated_at integer, rest text)",
  );
  const insert = db.prepare("insert or ignore into sessions values (?, 1, 0, ?)");
  db.transaction(() => {
    for (let index = 0; index < SESSIONS; index += 1) insert.run(`ses_${index}`, "x".repeat(300));
  })();
  const find = db.prepare("select * from sessions where id = ?");
  const rotate = db.prepare("update sessions set generation = ?, rotated_at = ? where id = ? and generation < ?");
  return (group) => {
    db.exec("begin immediate");
    const kept = group.map(({ id, generation, now }) => {
      db.exec("savepoint member");
      find.get(id);
      const { changes } = rotate.run(generation, now, id, generation);
      db.exec("release member");
      return changes === 1;
    });
    db.exec("commit");
    return kept;
  };
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const write = openWriter(workerData);
  port.on("message", (group: readonly Write[]) => port.postMessage(write(group)));
}
