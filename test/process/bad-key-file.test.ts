/** Starts on a master key that cannot be had, or is not the one. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listKeys } from "../../src/store/queries/keys.ts";
import { temporaryFolder } from "../support/app.ts";
import { AS_MORTAL, failedStart } from "../support/bad-start.ts";
import { workOn } from "../support/folder.ts";
import { runCommand } from "../support/server-process.ts";

const OTHER_KEY = Buffer.alloc(32, 7).toString("base64url");

let folder: string;
let keyFile: string;
let key: Buffer;
let stored: unknown;
beforeEach(async () => {
  folder = temporaryFolder();
  keyFile = join(folder, "master.key");
  stored = await keysInDatabase();
  key = readFileSync(keyFile);
});
afterEach(async () => {
  // Whatever happened: with the right key all is as it was.
  rmSync(keyFile, { recursive: true, force: true });
  writeFileSync(keyFile, key, { mode: 0o600 });
  expect(await keysInDatabase()).toEqual(stored);
  rmSync(folder, { recursive: true });
});

const keysInDatabase = () => workOn(folder, ({ store }) => store.read(listKeys));
const refused = (under: readonly string[] = []) => failedStart({ SALLYPORT_DATA_DIR: folder }, under);

describe("A master key's file", () => {
  it("that this user may not read keeps the server from starting, and stays as it is", async () => {
    chmodSync(keyFile, 0o000);
    expect(await refused(AS_MORTAL)).toMatch(
      /^sallyport: \S+master\.key cannot be read: this user may not; give it, .*, or set SALLYPORT_MASTER_KEY\n$/,
    );
    const command = await runCommand(["keys", "list"], { SALLYPORT_DATA_DIR: folder }, "", AS_MORTAL);
    expect([command.code, command.stderr]).toEqual([1, expect.stringContaining("this user may not")]);
    chmodSync(keyFile, 0o600);
    expect(readFileSync(keyFile).equals(key)).toBe(true);
  });

  it.each([0o644, 0o640, 0o604, 0o660])("that others can read does so, mode %o", async (mode) => {
    chmodSync(keyFile, mode);
    expect(await refused()).toBe(
      `sallyport: others can reach ${keyFile} (mode ${mode.toString(8)}); run: chmod 600 ${keyFile}\n`,
    );
  });

  it("that is a folder does so", async () => {
    rmSync(keyFile);
    mkdirSync(keyFile, { mode: 0o700 });
    expect(await refused()).toBe(`sallyport: ${keyFile} is no file; put the master key there, or move it away\n`);
    expect(readdirSync(keyFile)).toEqual([]);
  });

  it("that holds the key of another database does so: the one that is wanted is named, and none is shown", async () => {
    writeFileSync(keyFile, `${OTHER_KEY}\n`);
    const said = await refused();
    expect(said).toMatch(/^sallyport: .* under master key \S+, which is not among those given \(\S+\); .*\n$/);
    expect(said).toContain(keyFile);
    for (const secret of [OTHER_KEY, key.toString().trim()]) expect(said).not.toContain(secret);
  });

  it("does not help where the settings name another key, which is told as well", async () => {
    const said = await failedStart({ SALLYPORT_DATA_DIR: folder, SALLYPORT_MASTER_KEY: OTHER_KEY });
    expect(said).toContain("set SALLYPORT_MASTER_KEY to it");
    expect(said).not.toContain(OTHER_KEY);
  });

  it("that is missing gets no new one by any command", async () => {
    rmSync(keyFile);
    expect(await refused()).toContain(`${keyFile} is missing; put it back or set SALLYPORT_MASTER_KEY`);
    for (const args of [["users", "create", "ada"], ["keys", "rotate", "--now"], ["restored"]]) {
      const { code, stderr } = await runCommand(args, { SALLYPORT_DATA_DIR: folder }, "kites over the harbour\n");
      expect([code, stderr]).toEqual([1, expect.stringContaining("is missing; put it back")]);
    }
    expect(readdirSync(folder)).not.toContain("master.key");
  });
});
