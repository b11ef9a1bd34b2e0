/** The seal on a database that was copied: that it lets nothing through, for whoever has it open, until it is taken back. */
import { readdirSync, rmSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { takeBackSeal } from "../../src/copy/take-back-seal.ts";
import { unsealDatabase } from "../../src/copy/unseal-database.ts";
import { insertUser } from "../../src/store/queries/users.ts";
import type { Store } from "../../src/store/store.ts";
import { TABLES } from "../../src/store/tables.ts";
import { userRow } from "../store/conformance/rows.ts";
import { type CopyPlace, copyBetween, DIRECTIONS, everyRow, makeCopyPlace, makePair } from "../support/copying.ts";
import { fill } from "../support/filled.ts";

const SEALED = /the database was copied elsewhere, and is sealed/;
const REFUSED =
  /^this database was copied to (.*) at 2\S+Z, and is sealed so that the two cannot both serve; serve from there, or, if that copy is given up, run: sallyport db unseal \S+$/;

const add = (store: Store, id: string) => store.write(({ db }) => insertUser(db, userRow(id)));
const usersIn = async (place: CopyPlace) => (await place.ask("select id from users")).map(({ id }) => String(id));

/** What of the seal is left in the schema. */
function tracesIn({ engine, ask }: CopyPlace) {
  return engine === "SQLite"
    ? ask("select name from sqlite_schema where type = 'trigger'")
    : ask(
        "select proname from pg_proc where pronamespace = current_schema()::regnamespace union all select tgname from pg_trigger t join pg_class c on c.oid = tgrelid where relnamespace = current_schema()::regnamespace and not tgisinternal",
      );
}

describe.each(DIRECTIONS.slice(0, 2))("After a copy from %s to %s, the source", (...direction) => {
  it("takes no change of any row in any table, whoever asks for it", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    await copyBetween(source, target);
    const was = await everyRow(source);
    for (const { name, columns } of TABLES) {
      const column = columns[0];
      await expect(source.ask(`insert into ${name} select * from ${name}`), name).rejects.toThrow(SEALED);
      await expect(source.ask(`update ${name} set "${column}" = "${column}"`), name).rejects.toThrow(SEALED);
      await expect(source.ask(`delete from ${name}`), name).rejects.toThrow(SEALED);
    }
    expect(await everyRow(source)).toEqual(was);
  });

  it("refuses the writes of those who have it open with UNAVAILABLE, and their reasons say why", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const store = await source.open();
    await copyBetween(source, target);
    await expect(add(store, "usr_late")).rejects.toMatchObject({
      reason: "UNAVAILABLE",
      cause: { message: expect.stringMatching(SEALED) },
    });
  });

  it("opens for nobody, and says where the copy is and what to do", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const { to } = await copyBetween(source, target);
    const error: unknown = await source.open().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ name: "SealedDatabase", message: expect.stringMatching(REFUSED) });
    expect(String(error)).toContain(to);
  });

  it("is as it was once the seal is taken back, for those who had it open, too", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const was = await everyRow(source);
    const store = await source.open();
    await copyBetween(source, target);
    expect(await takeBackSeal({ open: source.openSource })).toMatchObject({
      state: "copied",
      other: expect.any(String),
    });
    expect(await everyRow(source)).toEqual(was);
    expect(await tracesIn(source)).toEqual([]);
    await add(store, "usr_late");
    await add(await source.open(), "usr_later");
    expect(await takeBackSeal({ open: source.openSource })).toBeNull();
  });

  it("keeps its seal while the copy is there, or may be, unless somebody vouches for it", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const { to } = await copyBetween(source, target);
    const unseal = (copyIsGone: boolean, copy: CopyPlace | null) => {
      return unsealDatabase({ source: { open: source.openSource }, findCopy: () => copy, copyIsGone });
    };
    await expect(unseal(false, target)).rejects.toThrow(`the copy in ${to} is there, and may serve; serve from it`);
    await expect(unseal(false, null)).rejects.toThrow(
      /cannot be seen from here \(it is nowhere .*\); if it never serves again, say --copy-is-gone/,
    );
    await expect(unseal(false, await makeCopyPlace("SQLite"))).rejects.toThrow("cannot be seen from here");
    for (const make of ["openTarget", "open"] as const) {
      const other = await makeCopyPlace(direction[1]);
      await (await other[make]()).close();
      await expect(unseal(false, other), make).rejects.toThrow(/cannot be seen from here \(.* is another\)/);
    }
    await expect(source.open()).rejects.toThrow(REFUSED);
    expect(await unseal(true, null)).toMatchObject({ other: to });
    expect(await unseal(false, null)).toBeNull();
  });

  it("keeps its seal while the copy is being made once more, which nobody sees until it is there", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const { to } = await copyBetween(source, target);
    await empty(target, to);
    const filling = await target.openTarget();
    onTestFinished(filling.close);
    await filling.hold("wait");
    await filling.run((db) => insertUser(db, userRow("usr_copied")));
    const deps = { source: { open: source.openSource }, findCopy: () => target, copyIsGone: false };
    await expect(unsealDatabase(deps)).rejects.toThrow(/cannot be seen from here \(.* another process.*\)/);
    await expect(source.open()).rejects.toThrow(REFUSED);
    await filling.close();
    expect(await unsealDatabase(deps)).toMatchObject({ other: to });
  });

  it("gives up its seal where the copy turns out to be none, and nothing is made there", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const { to } = await copyBetween(source, target);
    await empty(target, to);
    const deps = { source: { open: source.openSource }, findCopy: () => target, copyIsGone: false };
    expect(await unsealDatabase(deps)).toMatchObject({ other: to });
    expect(await madeIn(target, to)).toEqual([]);
    await add(await source.open(), "usr_late");
  });
});

/** Takes everything away, and leaves the place. */
async function empty(place: CopyPlace, name: string): Promise<void> {
  if (place.engine === "SQLite")
    for (const part of ["", "-wal", "-shm"]) rmSync(`${name}/sallyport.db${part}`, { force: true });
  else {
    const tables = [...TABLES.map((table) => table.name), "kysely_migration", "kysely_migration_lock"];
    await place.ask(...tables.map((name) => `drop table ${name} cascade`));
  }
}

/** What is there, of whatever kind. */
async function madeIn({ engine, ask }: CopyPlace, name: string): Promise<readonly unknown[]> {
  if (engine === "SQLite") return readdirSync(name);
  return ask("select relname from pg_class where relnamespace = current_schema()::regnamespace");
}

it("No change that was acknowledged is missing from a copy that is made meanwhile", async () => {
  const { source, target } = await makePair(["PostgreSQL", "SQLite"]);
  await fill(source);
  const store = await source.open();
  const acknowledged: string[] = [];
  let isOver = false;
  async function keepAdding(name: string): Promise<void> {
    for (let count = 0; !isOver; count += 1) {
      const id = `usr_${name}_${count}`;
      await add(store, id).then(
        () => acknowledged.push(id),
        () => {},
      );
    }
  }
  const writers = ["a", "b", "c"].map(keepAdding);
  await expect.poll(() => acknowledged.length).toBeGreaterThan(50);
  await copyBetween(source, target);
  await expect(add(store, "usr_last")).rejects.toMatchObject({ reason: "UNAVAILABLE" });
  isOver = true;
  await Promise.all(writers);
  const there = await usersIn(target);
  expect(there).toEqual(expect.arrayContaining(acknowledged));
  expect([...there].sort()).toEqual([...(await usersIn(source))].sort());
});
