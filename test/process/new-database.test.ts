/** What makes a database where there is none, and says so; with a master key of the settings no file tells that one was lost. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let folder: string;
let data: string;
beforeEach(() => {
  folder = temporaryFolder();
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true }));

const MASTER_KEY = Buffer.alloc(32, 7).toString("base64url");
const settings = () => ({ SALLYPORT_DATA_DIR: data, SALLYPORT_MASTER_KEY: MASTER_KEY });
const run = (...args: readonly string[]) => runCommand(args, settings(), "kites over the harbour\n");
const made = () => `sallyport: made a new database in ${data}\n`;

/** Starts and stops the server at a log level; the lines of its log that speak of a new database. */
async function linesOfServe(level: string): Promise<readonly unknown[]> {
  const server = await startServerProcess({ ...settings(), SALLYPORT_LOG_LEVEL: level });
  await server.end("SIGTERM");
  const lines = server.output().stderr.split("\n").filter(Boolean);
  return lines.map((line): unknown => JSON.parse(line)).filter((line) => JSON.stringify(line).includes("database"));
}

describe("Where there is no database", () => {
  it.each([[["services", "create", "orders"]], [["services", "list"]], [["users", "disable", "ada"]], [["restored"]]])(
    "%j makes none, nor out of an empty file",
    async (args) => {
      const refused = await run(...args);
      expect(refused).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringContaining("there is no database in"),
      });
      expect(existsSync(data)).toBe(false);
      writeFileSync(join(folder, "sallyport.db"), "");
      const again = await runCommand(args, { ...settings(), SALLYPORT_DATA_DIR: folder });
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no database in") });
    },
  );

  it.each([[["users", "create", "ada"]], [["migrate"]]])(
    "%j makes one, says so, and no more than once",
    async (args) => {
      expect(await run(...args)).toMatchObject({ code: 0, stderr: made() });
      expect((await run(...args)).stderr).not.toContain("made");
    },
  );

  it("a command that made one says so even if it then fails", async () => {
    const { code, stdout, stderr } = await run("users", "create", "ada", "--role", "wizard");
    expect([code, stdout, stderr.startsWith(made())]).toEqual([1, "", true]);
    expect(stderr).toMatch(/role/);
  });

  it("serve makes one with a warning, each time that it has to", async () => {
    const warning = { level: "warn", event: "database_made", data_dir: data };
    expect(await linesOfServe("warn")).toEqual([expect.objectContaining(warning)]);
    expect(await linesOfServe("warn")).toEqual([]);
    for (const name of ["sallyport.db", "sallyport.db-wal", "sallyport.db-shm"])
      rmSync(join(data, name), { force: true });
    expect(await linesOfServe("warn")).toEqual([expect.objectContaining(warning)]);
  });
});
