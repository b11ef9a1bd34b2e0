/** Other programs on the database of a running server. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { logIn, signUp } from "../support/people.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, "sallyport.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const inodes = () => readdirSync(folder).map((name) => [name, statSync(join(folder, name)).ino]);
const hasSqlite3 = (process.env.PATH ?? "").split(delimiter).some((place) => existsSync(join(place, "sqlite3")));

/** Looks at the database as any program may, and tidies up behind itself: the system's, which may be old, or Node's. */
function look(): void {
  if (hasSqlite3) execFileSync("sqlite3", [file, "select count(*) from users"]);
  const other = new DatabaseSync(file);
  expect(other.prepare("select count(*) as users from users").get()).toMatchObject({ users: expect.any(Number) });
  other.close();
}

/** Files that the process has locked (proc_locks(5)), by inode. */
function lockedBy(pid: number | undefined): readonly number[] {
  const lines = readFileSync("/proc/locks", "utf8").split("\n");
  return lines
    .map((line) => line.split(/\s+/))
    .flatMap((words) => {
      const at = words.indexOf(String(pid));
      return at === -1 ? [] : [Number(words[at + 1]?.split(":")[2])];
    });
}

// SQLite's locks end when the process closes the file by other means than SQLite's, and SQLite does not notice
// (https://sqlite.org/howtocorrupt.html section 2.2). The next program that closes the database then takes itself
// for the last one, and removes the log that the server goes on writing to.
describe("A server beside other programs on its database", () => {
  it("keeps it locked for as long as it runs", async () => {
    for (const start of ["first", "second"]) {
      const server = await startServerProcess({ SALLYPORT_DATA_DIR: folder });
      expect(lockedBy(server.process.pid), `${start} start`).toContain(statSync(file).ino);
      await server.end("SIGTERM");
    }
  });

  it("loses nothing, whoever looks at it", async () => {
    const server = await startServerProcess({ SALLYPORT_DATA_DIR: folder });
    await signUp(server, "ada");
    const before = inodes();
    look();
    expect(inodes()).toEqual(before);
    await signUp(server, "bea");
    look();
    const { code, stdout } = await runCommand(["users", "list"], { SALLYPORT_DATA_DIR: folder });
    expect([code, stdout.match(/ (ada|bea) /g)]).toEqual([0, [" ada ", " bea "]]);
    await server.end("SIGKILL");
    const again = await startServerProcess({ SALLYPORT_DATA_DIR: folder });
    for (const username of ["ada", "bea"]) expect((await logIn(again, username)).userId).toMatch(/^usr_/);
    await again.end("SIGTERM");
  });
});
