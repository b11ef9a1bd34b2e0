/** `sallyport keys`, `migrate`, and what is common to all commands. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listKeys } from "../../src/store/queries/keys.ts";
import { temporaryFolder } from "../support/app.ts";
import { workOn } from "../support/folder.ts";
import { runCommand } from "../support/server-process.ts";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]) => runCommand(args, { SALLYPORT_DATA_DIR: folder });
const keys = () => workOn(folder, ({ store }) => store.read(listKeys));

describe("keys list", () => {
  it("shows a line for each key, and no private material of any", async () => {
    const rows = await keys();
    const [plain, json] = await Promise.all([run("keys", "list"), run("keys", "list", "--json")]);
    expect([plain.code, json.code]).toEqual([0, 0]);
    expect(
      plain.stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/ {2,}/)[0]),
    ).toEqual(rows.map(({ kid }) => kid));
    const objects: unknown[] = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(objects).toEqual(
      rows.map(({ kid, use, algorithm, state, created_at }) => ({
        kid,
        use,
        algorithm,
        state,
        created: new Date(created_at).toISOString(),
        expires: null,
      })),
    );
    for (const { private_jwe: secret } of rows) expect(plain.stdout + json.stdout).not.toContain(secret);
  });
});

describe("keys rotate", () => {
  it("waits until every verifier can know the next key, and says how long that is", async () => {
    const before = await keys();
    const { code, stdout, stderr } = await run("keys", "rotate");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^sallyport: the next key was published too recently .*; wait (29\d|300) s, or force the rotation: sallyport keys rotate --now\n$/,
    );
    expect(await keys()).toEqual(before);
  });

  it("does so at once with --now: the next key signs, the active one retires, a new one is next", async () => {
    const kidIn = async (state: string) =>
      (await keys()).find((key) => key.use === "access" && key.state === state)?.kid;
    const [active, next] = [await kidIn("active"), await kidIn("next")];
    const { code, stdout } = await run("keys", "rotate", "--now");
    expect([code, stdout]).toEqual([0, `signing with ${next}; next is ${await kidIn("next")}; retired ${active}\n`]);
    expect([await kidIn("active"), await kidIn("retired")]).toEqual([next, active]);
    expect(await keys()).toHaveLength(4);
  });
});

describe("migrate", () => {
  it("makes the schema and nothing else, and does nothing the second time", async () => {
    const first = await run("migrate");
    const second = await run("migrate");
    expect([first.stdout, second.stdout]).toEqual(["migrated: 0001-core\n", "the schema is up to date\n"]);
    const made = `sallyport: made a new database in ${folder}\n`;
    expect([first.code, second.code, first.stderr, second.stderr]).toEqual([0, 0, made, ""]);
    const database = new Database(join(folder, "sallyport.db"), { readonly: true });
    expect(database.prepare("select count(*) from signing_keys").pluck().get()).toBe(0);
    database.close();
  });

  it("refuses a database of a newer version", async () => {
    await keys();
    const database = new Database(join(folder, "sallyport.db"));
    database.exec("insert into kysely_migration values ('0099-later', 'then')");
    database.close();
    const { code, stdout, stderr } = await run("migrate");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      "sallyport: the database was written by a newer version of Sallyport (0099-later); run that version\n",
    );
  });
});

describe("A command line", () => {
  it("that names no command there is gets told so, with exit code 2, and starts nothing", async () => {
    const wrong = await Promise.all([run("sevre"), run("keys", "rotat"), run("users")]);
    expect(wrong.map(({ code, stdout }) => [code, stdout])).toEqual(wrong.map(() => [2, ""]));
    expect(wrong[0]?.stderr).toContain("unknown command 'sevre'");
    expect(wrong[1]?.stderr).toContain("unknown command 'rotat'");
    expect(wrong[2]?.stderr).toContain("Usage: sallyport users");
    expect(() => new Database(join(folder, "sallyport.db"), { fileMustExist: true })).toThrow();
  });

  it("that asks for help gets it on standard output, with exit code 0", async () => {
    const { code, stdout, stderr } = await run("--help");
    expect([code, stderr]).toEqual([0, ""]);
    for (const command of ["serve", "migrate", "users", "keys"]) expect(stdout).toContain(`\n  ${command} `);
  });
});
