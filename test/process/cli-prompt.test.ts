/** `sallyport users create` at a terminal. */
import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findUser } from "../../src/store/queries/users.ts";
import { temporaryFolder } from "../support/app.ts";
import { workOn } from "../support/folder.ts";
import { endless } from "../support/patience.ts";
import { runAtTerminal } from "../support/terminal.ts";

const PASSWORD = "kites over the harbour";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

const create = (answers: readonly (readonly [string, string])[]) =>
  runAtTerminal(["users", "create", "ada"], { SALLYPORT_DATA_DIR: folder }, answers);
const ada = () => workOn(folder, ({ store }) => store.read((db) => findUser(db, "username", "ada")));

it("asks for the password twice, shows nothing of it, and heeds the backspace", async () => {
  const { code, screen } = await create([
    ["Password: ", "kites over the harbouq\u007fr\r"],
    ["Again: ", `${PASSWORD}\r`],
  ]);
  expect(code, screen).toBe(0);
  expect(screen).toMatch(
    /^Password: \r?\nAgain: \r?\nsallyport: made a new database in \S+\r?\ncreated usr_\S+ ada \(user\)\r?\n$/,
  );
  const { userId } = await workOn(folder, async ({ login }) => {
    const request = { identifier: "ada", password: PASSWORD, audiences: [], deviceName: "" };
    return { userId: (await login(request, endless)).user.id };
  });
  expect(userId).toBe((await ada())?.id);
});

it("makes nobody if the two differ", async () => {
  const { code, screen } = await create([
    ["Password: ", `${PASSWORD}\r`],
    ["Again: ", `${PASSWORD}s\r`],
  ]);
  expect([code, screen]).toEqual([1, expect.stringContaining("the two passwords differ; nothing was done")]);
  expect(screen).not.toContain("kites");
  expect(await ada()).toBeNull();
});

it("makes nobody if it is interrupted", async () => {
  const { code, screen } = await create([["Password: ", "kites over\u0003"]]);
  expect([code, screen]).toEqual([1, expect.stringContaining("interrupted; nothing was done")]);
  expect(await ada()).toBeNull();
});
