/** Copies that are refused by how they are asked for: nothing was made, sealed or told that is a secret. */
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { runHere } from "../support/command-here.ts";
import { addUser, workOn } from "../support/folder.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";

const KEY = Buffer.alloc(32, 3).toString("base64url");
const OTHER_KEY = Buffer.alloc(32, 4).toString("base64url");

let parent: string;
let folder: string;
let place: TestPlace;
let settings: Readonly<Record<string, string>>;

beforeEach(async () => {
  parent = temporaryFolder();
  folder = join(parent, "data");
  place = await makePlace();
  settings = { SALLYPORT_MASTER_KEY: KEY, SALLYPORT_DATA_DIR: folder, SALLYPORT_DATABASE_URL: place.url };
  await addUser(folder, "root", ["admin"], { SALLYPORT_MASTER_KEY: KEY });
  const issuer = { name: "issuer", value: "http://sallyport.test" };
  await workOn(folder, ({ store }) => store.write(({ db }) => db.insertInto("meta").values(issuer).execute()), {
    SALLYPORT_MASTER_KEY: KEY,
  });
});
afterEach(async () => {
  await place.remove();
  rmSync(parent, { recursive: true });
});

const copy = (from: string, to: string, more: Readonly<Record<string, string>> = {}) =>
  runHere(["db", "copy", "--from", from, "--to", to], { ...settings, ...more });
const inParent = (name: string) => join(parent, name);
/** The tables on PostgreSQL. */
const tables = () => place.ask("select relname from pg_class where relnamespace = current_schema()::regnamespace");
/** Expects that the database in the folder can be worked with, and that nothing was made on PostgreSQL. */
async function expectUntouched(): Promise<void> {
  expect(await runHere(["users", "list"], { ...settings, SALLYPORT_DATABASE_URL: "" })).toMatchObject({ code: 0 });
  expect(await tables()).toEqual([]);
}

describe("A copy is refused", () => {
  it.each(["postgres://ada:hunter2@127.0.0.1:1/auth", "postgresql://ada@127.0.0.1/auth?sslmode=require", "postgres:x"])(
    "with a URL as an argument, which is not repeated: %s",
    async (url) => {
      for (const ends of [
        [url, folder],
        [folder, url],
      ] as const) {
        const { code, stdout, stderr } = await copy(...ends);
        expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
        expect(stderr).toMatch(/a URL is no argument, .*; put it into SALLYPORT_DATABASE_URL, and name it postgres/);
        expect(stderr).not.toMatch(/hunter2|127\.0\.0\.1/);
      }
      await expectUntouched();
    },
  );

  it("to postgres without SALLYPORT_DATABASE_URL, and without the settings that go with it", async () => {
    const unset = await copy(folder, "postgres", { SALLYPORT_DATABASE_URL: "" });
    expect(unset).toMatchObject({ code: 2, stderr: expect.stringContaining("set SALLYPORT_DATABASE_URL to the URL") });
    const keyless = await copy(folder, "postgres", { SALLYPORT_MASTER_KEY: "" });
    expect(keyless).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("SALLYPORT_MASTER_KEY must be set where"),
    });
    await expectUntouched();
  });

  it("without saying from where, or to where", async () => {
    for (const args of [
      ["--from", folder],
      ["--to", folder],
      ["--from", folder, "--to", ""],
    ]) {
      expect(await runHere(["db", "copy", ...args], settings)).toMatchObject({ code: 2, stdout: "" });
    }
    await expectUntouched();
  });

  it("with a master key that does not open the keys of the source", async () => {
    const { code, stderr } = await copy(folder, "postgres", { SALLYPORT_MASTER_KEY: OTHER_KEY });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /encrypted under master key \S+, which is not among those given .*; set SALLYPORT_MASTER_KEY/,
    );
    expect(stderr).not.toContain(OTHER_KEY);
    await expectUntouched();
  });

  it("into a folder that would be served without a master key, or with another one", async () => {
    const target = inParent("new");
    const without = { SALLYPORT_MASTER_KEY: "", SALLYPORT_DATABASE_URL: "" };
    const missing = await copy(folder, target, without);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining(`${target} has no master.key`) });
    expect(existsSync(target)).toBe(false);
    mkdirSync(target);
    writeFileSync(join(target, "master.key"), `${OTHER_KEY}\n`, { mode: 0o600 });
    const wrong = await copy(folder, target, without);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("is not among those given") });
    writeFileSync(join(target, "master.key"), `${KEY}\n`);
    expect(await copy(folder, target, without)).toMatchObject({ code: 0 });
  });

  it("under another issuer than that of the tokens that are out", async () => {
    const { code, stderr } = await copy(folder, "postgres", { SALLYPORT_ISSUER: "https://other.example" });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /the tokens of .*\/data name the issuer http:\/\/sallyport\.test, and SALLYPORT_ISSUER is https:\/\/other\.example; set it to the same/,
    );
    await expectUntouched();
  });

  it("from a folder that has no database, of which none is made", async () => {
    const { code, stderr } = await copy(inParent("slip"), "postgres");
    expect(code).toBe(1);
    expect(stderr).toMatch(/there is no database in .*\/slip; name the folder that it is in/);
    expect(existsSync(inParent("slip"))).toBe(false);
    await expectUntouched();
  });

  it("to or from a server that is not there, without its password", async () => {
    const gone = { SALLYPORT_DATABASE_URL: "postgres://ada:hunter2@127.0.0.1:1/auth" };
    for (const [from, to] of [
      [folder, "postgres"],
      ["postgres", inParent("new")],
    ] as const) {
      const { code, stderr } = await copy(from, to, gone);
      expect(code).toBe(1);
      expect(stderr).toMatch(/127\.0\.0\.1:1\/auth cannot be used: .*ECONNREFUSED.*; see whether the server runs/);
      expect(stderr).not.toContain("hunter2");
    }
    await expectUntouched();
  });

  it("into a folder whose parent is not there, or in which nobody may write", async () => {
    const { code, stderr } = await copy(folder, inParent("no/such/place"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be made: the folder that it belongs into is not there/);
    await expectUntouched();
  });

  it("into the database that it comes from, however it is named", async () => {
    symlinkSync(folder, inParent("link"));
    for (const name of [
      folder,
      `${folder}/`,
      join(folder, "sallyport.db"),
      inParent("link"),
      `${parent}/../${parent.split("/").at(-1)}/data`,
    ]) {
      const { code, stderr } = await copy(folder, name);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining("is both source and target; name two"),
      });
    }
    await expectUntouched();
  });
});

it("A database that was not sealed is not unsealed", async () => {
  const { code, stderr } = await runHere(["db", "unseal", folder], settings);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `sallyport: ${folder} was not sealed\n` });
});
