/** A copy whose process is killed: whatever the moment, the same command again finishes the work. */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { runHere } from "../support/command-here.ts";
import { eventually } from "../support/eventually.ts";
import { addUser, workOn } from "../support/folder.ts";
import { passwordOf } from "../support/people.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { commandEnvironment, ENTRY } from "../support/server-process.ts";

let parent: string;
let folder: string;
let place: TestPlace;
let settings: Readonly<Record<string, string>>;

beforeEach(async () => {
  parent = temporaryFolder();
  folder = join(parent, "data");
  place = await makePlace();
  const key = { SALLYPORT_MASTER_KEY: Buffer.alloc(32, 3).toString("base64url") };
  settings = { ...key, SALLYPORT_DATA_DIR: folder, SALLYPORT_DATABASE_URL: place.url };
  await addUser(folder, "root", ["admin"], key);
  await workOn(folder, ({ services }) => services.create("orders", [], null), key);
  await runHere(["migrate"], settings);
});
afterEach(async () => {
  await place.remove();
  rmSync(parent, { recursive: true });
});

const COPY = ["db", "copy", "--from", "", "--to", "postgres"];
const command = () => COPY.map((word) => word || folder);
const onSqlite = () => ({ ...settings, SALLYPORT_DATABASE_URL: "" });
const usersThere = async () => Number((await place.ask("select count(*) as count from users"))[0]?.count);
/** Who sleeps holds a lock of this number: others may sleep on the same server. */
const MARK = randomInt(2 ** 31);
/** Sleeps where the test wants it to be killed, and then fails, so that what was cut short is not done after all. */
const SLOW = `create function slow() returns trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock(${MARK}); perform pg_sleep(30); raise 'too slow'; end $$;`;
/** Processes of the server that sleep there. */
const SLEEPING = `from pg_locks where locktype = 'advisory' and objid = ${MARK}`;
const sleeping = () => place.ask(`select 1 ${SLEEPING}`);

/** Begins the copy, and kills it as soon as the server sleeps over it. */
async function copyAndKill(): Promise<void> {
  const child = spawn(process.execPath, [ENTRY, ...command()], { env: commandEnvironment(settings), stdio: "ignore" });
  const ended = once(child, "exit");
  await eventually(async () => (await sleeping()).length).toBe(1);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  await place.ask(`select pg_terminate_backend(pid, 5000) ${SLEEPING}`);
  await eventually(async () => (await sleeping()).length).toBe(0);
}

describe("A copy that is killed", () => {
  it("while it copies leaves the source as it was, which goes on serving, and the target empty", async () => {
    await place.ask(`${SLOW} create trigger slow before insert on services execute function slow()`);
    await copyAndKill();
    expect(await usersThere()).toBe(0);
    const mistaken = await runHere(["users", "create", "root"], settings, passwordOf("root"));
    expect(mistaken).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the copy from .*\/data, begun .* was not fin/),
    });
    const listed = await runHere(["services", "create", "billing"], onSqlite());
    expect(listed, listed.stderr).toMatchObject({ code: 0 });
    await place.ask("drop trigger slow on services");
    const again = await runHere(command(), settings);
    expect(again, again.stderr).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(/^services {2}2 /m);
  });

  it("between the seal and the copy's commit leaves a sealed source and no copy: neither serves, until it is run again", async () => {
    await place.ask(
      `${SLOW} create constraint trigger slow after insert on services deferrable initially deferred
       for each row execute function slow()`,
    );
    await copyAndKill();
    expect(await usersThere()).toBe(0);
    const refused = await runHere(["users", "list"], onSqlite());
    expect(refused.stderr).toContain("is sealed so that the two cannot both serve");
    await place.ask("drop trigger slow on services");
    const again = await runHere(command(), settings);
    expect(again, again.stderr).toMatchObject({ code: 0 });
    expect(await usersThere()).toBe(1);
    const once = await runHere(command(), settings);
    expect(once).toMatchObject({ code: 0, stdout: "" });
    expect(once.stderr).toMatch(/holds this copy already, and .* is sealed; serve from/);
  });

  it("there, can be given up instead, since the copy is seen not to be there", async () => {
    await place.ask(
      `${SLOW} create constraint trigger slow after insert on services deferrable initially deferred
       for each row execute function slow()`,
    );
    await copyAndKill();
    const unsealed = await runHere(["db", "unseal", folder], settings);
    expect(unsealed, unsealed.stderr).toMatchObject({ code: 0 });
    expect(await runHere(["users", "list"], onSqlite())).toMatchObject({ code: 0 });
  });
});
