/** Starts on a data folder that cannot be one. */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { AS_MORTAL, failedStart } from "../support/bad-start.ts";
import { workOn } from "../support/folder.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let folder: string;
let data: string;
beforeEach(() => {
  folder = temporaryFolder();
  data = join(folder, "data");
});
afterEach(() => {
  for (const path of [folder, data]) if (existsSync(path)) chmodSync(path, 0o700);
  rmSync(folder, { recursive: true });
});

const settings = () => ({ SALLYPORT_DATA_DIR: data });
const makeDatabase = () => workOn(data, async () => {});

describe("A data folder that is not there", () => {
  it("is made, for its owner alone, in a folder that is", async () => {
    const server = await startServerProcess(settings());
    await server.end("SIGTERM");
    expect(statSync(data).mode & 0o777).toBe(0o700);
    expect(readdirSync(data).sort()).toEqual(["master.key", "sallyport.db"]);
  });

  it("is not made in one that is not, which may be misspelt, or a disk that is not mounted", async () => {
    const said = await failedStart({ SALLYPORT_DATA_DIR: join(data, "sallyport") });
    expect(said).toBe(
      `sallyport: the data folder ${data}/sallyport cannot be made: the folder that it belongs into is not there; make that folder first, or set SALLYPORT_DATA_DIR to another folder\n`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is not made behind a link that leads nowhere", async () => {
    symlinkSync(join(folder, "unmounted"), data);
    expect(await failedStart(settings())).toContain("make that folder first");
    expect(readdirSync(folder)).toEqual(["data"]);
    rmSync(data);
  });

  it("is not made where this user may make none", async () => {
    chmodSync(folder, 0o500);
    expect(await failedStart(settings(), AS_MORTAL)).toContain(
      `the data folder ${data} cannot be made: this user may not`,
    );
    chmodSync(folder, 0o700);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("A data folder that is something else", () => {
  it("is refused if it is a file, which stays as it is", async () => {
    writeFileSync(data, "not yours");
    expect(await failedStart(settings())).toContain(`${data}/sallyport.db cannot be used: a folder above it is none`);
    expect(await failedStart({ SALLYPORT_DATA_DIR: join(data, "inside") })).toContain("a folder above it is none");
    expect(statSync(data).size).toBe(9);
  });

  it("is refused if a folder is in the place of the database", async () => {
    mkdirSync(join(data, "sallyport.db"), { recursive: true });
    expect(await failedStart(settings())).toContain(
      `${data}/sallyport.db cannot be used: it is a folder; move it away`,
    );
    expect(readdirSync(data)).toEqual(["sallyport.db"]);
  });
});

describe("A data folder that cannot be written to", () => {
  it("is refused while it is empty, and stays empty", async () => {
    mkdirSync(data, { mode: 0o500 });
    const said = await failedStart(settings(), AS_MORTAL);
    expect(said).toContain(`${data}/sallyport.db cannot be used: this user may not; give it`);
    expect(readdirSync(data)).toEqual([]);
  });

  it.each([
    ["the folder", () => chmodSync(data, 0o500)],
    ["the database", () => chmodSync(join(data, "sallyport.db"), 0o400)],
    ["the folder to be entered", () => chmodSync(data, 0o600)],
  ])("is refused with a database in it: closed is %s", async (_what, close) => {
    await makeDatabase();
    close();
    expect(await failedStart(settings(), AS_MORTAL)).toMatch(
      /give it( and its folder|, and the folders above it,) to the user/,
    );
    chmodSync(data, 0o700);
    expect(readdirSync(data).sort()).toEqual(["master.key", "sallyport.db"]);
  });

  it("tells a command line, too, what to mend", async () => {
    await makeDatabase();
    chmodSync(join(data, "sallyport.db"), 0o400);
    const { code, stderr } = await runCommand(["users", "list"], settings(), "", AS_MORTAL);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^sallyport: .*sallyport\.db .*give it/)]);
  });
});

describe("A data folder that lost its database", () => {
  const said = () =>
    `sallyport: ${data} holds a master key, but its database ${data}/sallyport.db is missing or empty; restore`;
  beforeEach(async () => {
    await makeDatabase();
    rmSync(join(data, "sallyport.db"));
  });

  it("gets no new one: the refusal says how to restore it, and how to begin anew", async () => {
    const told = await failedStart(settings());
    expect(told).toContain(said());
    expect(told).toContain("sallyport restored");
    expect(told).toContain("sallyport migrate --new");
    expect(readdirSync(data)).toEqual(["master.key"]);
  });

  it.each([["migrate"], ["users", "create", "ada"], ["services", "create", "orders"], ["keys", "list"]])(
    "gets none by a command either: %s %s",
    async (...args) => {
      const { code, stdout, stderr } = await runCommand(args, settings(), "kites over the harbour\n");
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/^sallyport: .*(missing or empty; restore|there is no database)/);
      expect(readdirSync(data)).toEqual(["master.key"]);
    },
  );

  it("gets one by the command that says so, under the key that is there", async () => {
    const { code, stderr } = await runCommand(["migrate", "--new"], settings());
    expect([code, stderr]).toEqual([0, `sallyport: made a new database in ${data}\n`]);
    const server = await startServerProcess(settings());
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
