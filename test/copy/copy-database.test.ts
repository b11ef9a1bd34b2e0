/** A copy: that everything is there, the same as it was, and goes on where it stopped. */
import { describe, expect, it } from "vitest";
import type { OnProgress } from "../../src/copy/copy-tables.ts";
import { appendRevocation, logPosition } from "../../src/store/queries/revocations.ts";
import { TABLES } from "../../src/store/tables.ts";
import { THEN } from "../store/conformance/rows.ts";
import { copyBetween, DIRECTIONS, everyRow, makeCopyPlace, makePair } from "../support/copying.ts";
import { fill, MANY } from "../support/filled.ts";

describe.each(DIRECTIONS)("A copy from %s to %s", (...direction) => {
  it("holds every row of every table as it was, and one event more", async () => {
    const { source, target } = await makePair(direction);
    await fill(source, MANY);
    const was = await everyRow(source);
    const { tables } = await copyBetween(source, target);
    const { audit_events: events = [], ...is } = await everyRow(target);
    const { audit_events: before = [], ...others } = was;
    expect(is).toEqual(others);
    expect(events).toHaveLength(before.length + 1);
    expect(events).toEqual(expect.arrayContaining([...before]));
    expect(tables?.map(({ table, rows }) => [table, rows])).toEqual(
      TABLES.map(({ name }) => [name, was[name]?.length]),
    );
  });

  it("says in its audit trail where it came from, by the time of its own clock", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    const { from, tables } = await copyBetween(source, target);
    const [event] = await target.ask("select * from audit_events where kind = 'database_copied'");
    const rows = tables?.reduce((sum, table) => sum + table.rows, 0);
    expect(JSON.parse(String(event?.details))).toEqual({ from, rows });
    expect(Math.abs(Number(event?.recorded_at) - Date.now())).toBeLessThan(60_000);
  });

  it("goes on with the same log, from the same revision", async () => {
    const { source, target } = await makePair(direction);
    await fill(source);
    await copyBetween(source, target);
    const store = await target.open();
    expect(await store.read(logPosition)).toEqual({ log_id: "log", revision: 7, floor: 5 });
    const entry = { kind: "session_ended", subject: "ses_2", value: null, expires_at: THEN } as const;
    expect(await store.write((tx) => appendRevocation(tx, entry))).toBe(8);
  });

  it("is told of while it is made: each table to its last row, a page at a time", async () => {
    const { source, target } = await makePair(direction);
    await fill(source, MANY);
    const said: Parameters<OnProgress>[] = [];
    await copyBetween(source, target, (...step) => void said.push(step));
    const sessions = said.filter(([, table]) => table === "sessions").map(([step, , done, of]) => [step, done, of]);
    expect(sessions).toEqual([
      ["copying", 1_000, 2_001],
      ["copying", 2_000, 2_001],
      ["copying", 2_001, 2_001],
      ["comparing", 1_000, 2_001],
      ["comparing", 2_000, 2_001],
      ["comparing", 2_001, 2_001],
    ]);
  });
});

it("A table has the same checksum on both engines", async () => {
  const { source, target } = await makePair(["SQLite", "PostgreSQL"]);
  const third = await makeCopyPlace("SQLite");
  await fill(source, MANY);
  const there = await copyBetween(source, target);
  const back = await copyBetween(target, third);
  const sums = (tables: typeof back.tables) => tables?.filter(({ table }) => table !== "audit_events");
  expect(sums(back.tables)).toEqual(sums(there.tables));
  expect(new Set(there.tables?.map(({ sha256 }) => sha256)).size).toBe(TABLES.length);
});

it("What PostgreSQL cannot hold, a NUL in the name of a device, becomes U+FFFD on the way, and stands in nobody's way", async () => {
  const { source, target } = await makePair(["SQLite", "PostgreSQL"]);
  await fill(source);
  await source.ask("update sessions set device_name = 'a' || char(0) || 'b' where id = 'ses_1'");
  await copyBetween(source, target);
  expect(await target.ask("select device_name from sessions where id = 'ses_1'")).toEqual([
    { device_name: "a\ufffdb" },
  ]);
});

describe.each(["SQLite", "PostgreSQL"] as const)("The list of tables, on %s,", (engine) => {
  it("names every table and column that migrations make", async () => {
    const store = await (await makeCopyPlace(engine)).open();
    const made = await store.read((db) => db.introspection.getTables());
    const known = TABLES.map(({ name, columns }) => [name, [...columns].sort()]);
    const ours = made.filter(({ schema }) => schema === undefined || schema.startsWith("test_"));
    const mine = new Map(ours.map(({ name, columns }) => [name, columns.map((column) => column.name).sort()]));
    expect([...mine].sort()).toEqual(known.sort());
  });
});
