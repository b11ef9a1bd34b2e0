import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseAddress } from "../../src/store/postgres/address.ts";
import { clientConfig, TIMEOUTS } from "../../src/store/postgres/client.ts";
import { openSession } from "../../src/store/postgres/dialect.ts";
import { createPipeline, type Pipeline } from "../../src/store/postgres/pipeline.ts";
import { toPrepared } from "../../src/store/postgres/prepared.ts";
import { eventually } from "../support/eventually.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { THEN } from "./conformance/rows.ts";

let place: TestPlace;

beforeEach(async () => {
  place = await makePlace();
});
afterEach(() => place.remove());

describe("Statements asked for at once on a connection", () => {
  let client: Client;
  let mayGoOn: () => void;
  let pipeline: Pipeline;

  beforeEach(async () => {
    client = new Client(clientConfig(parseAddress(place.url), TIMEOUTS));
    client.on("error", () => {});
    await client.connect();
    mayGoOn = () => {};
    pipeline = createPipeline(client, { answerMs: TIMEOUTS.answerMs, mayGoOn: () => mayGoOn() });
    await client.query("create table notes (id bigint primary key, note text)");
  });
  afterEach(() => client.end());

  const ask = (text: string, ...values: (string | null)[]) =>
    new Promise<readonly unknown[]>((resolve, reject) => {
      pipeline.send({ text, name: text, values, resolve: ({ rows, changes }) => resolve([changes, ...rows]), reject });
    });
  const ADD = "insert into notes values ($1, $2)";
  const LIST = "select * from notes order by id";
  const FAIL = "select 1 / $1::int as one";
  /** So that each is prepared, and the next time goes with others. */
  const prepare = async () => {
    await ask(ADD, "0", "zero");
    await ask(LIST);
    await ask(FAIL, "1");
    await client.query("delete from notes");
  };
  const SLEEP = "select pg_sleep($1::float8)::text as slept";
  const ADD_SLOWLY = "insert into notes values ($1, pg_sleep($2::float8)::text)";
  const SLEPT = [null, { slept: "" }];
  const kinds = async (...asked: Promise<unknown>[]) =>
    (await Promise.allSettled(asked)).map((each) => (each.status === "fulfilled" ? each.value : each.reason.kind));
  const outcomes = async (...asked: Promise<unknown>[]) =>
    (await Promise.allSettled(asked)).map((each) => (each.status === "fulfilled" ? each.value : each.reason.code));

  it("go together in one piece, and each sees what the one before it did", async () => {
    await prepare();
    const write = vi.spyOn(client.connection.stream, "write");
    const listed = { id: 1, note: "one" };
    expect(await outcomes(ask(LIST), ask(ADD, "1", "one"), ask(LIST), ask(ADD, "2", null), ask(LIST))).toEqual([
      [null],
      [1],
      [null, listed],
      [1],
      [null, listed, { id: 2, note: null }],
    ]);
    expect(write).toHaveBeenCalledTimes(1);
  });

  it("answer the same, prepared or not yet", async () => {
    const note = `"';\\ \u00e9\u{1f600} ${"long ".repeat(20_000)}`;
    const all = () => outcomes(ask(LIST), ask(ADD, "7", note), ask(ADD, "9007199254740991", ""), ask(LIST));
    const first = await all();
    await client.query("delete from notes");
    expect(await all()).toEqual(first);
    expect(first[3]).toEqual([null, { id: 7, note }, { id: 9_007_199_254_740_991, note: "" }]);
  });

  it("end with the first that fails: the rest is not begun", async () => {
    await prepare();
    expect(await outcomes(ask(ADD, "1", "one"), ask(FAIL, "0"), ask(ADD, "2", "two"))).toEqual([[1], "22012", "22012"]);
    // Nor is what is asked for later, until another transaction begins. This one was all up to the failure.
    expect(await outcomes(ask(LIST), ask("select 1 as never_before"))).toEqual(["22012", "22012"]);
    pipeline.begin();
    expect(await ask(LIST)).toEqual([null]);
  });

  it("leave the connection fit for others after a failure", async () => {
    await prepare();
    await client.query("begin");
    expect(await outcomes(ask(ADD, "1", "one"), ask(ADD, "1", "again"), ask(LIST))).toEqual([[1], "23505", "23505"]);
    await client.query("rollback");
    pipeline.begin();
    expect(await outcomes(ask(ADD, "1", "one"), ask(LIST))).toEqual([[1], [null, { id: 1, note: "one" }]]);
  });

  it("are not sent if that is forbidden meanwhile, and it is told why", async () => {
    await prepare();
    mayGoOn = () => {
      throw Object.assign(new Error("no"), { code: "forbidden" });
    };
    const unknown = "select 1 as never_before";
    expect(await outcomes(ask(ADD, "1", "one"), ask(LIST), ask(unknown))).toEqual([
      "forbidden",
      "forbidden",
      "forbidden",
    ]);
    mayGoOn = () => {};
    pipeline.begin();
    expect(await ask(LIST)).toEqual([null]);
  });

  it("all fail if the connection breaks", async () => {
    await prepare();
    const [, { pid }] = (await ask("select pg_backend_pid() as pid")) as [null, { pid: number }];
    await ask(SLEEP, "0");
    const asked = kinds(ask(ADD, "1", "one"), ask(SLEEP, "9"), ask(LIST));
    const asleep = `select from pg_stat_activity where pid = ${pid} and state = 'active' and query like '%pg_sleep%'`;
    await eventually(() => place.ask(asleep)).toHaveLength(1);
    client.connection.stream.destroy();
    expect(await asked).toEqual(["lost", "lost", "lost"]);
    await place.ask(`select pg_terminate_backend(${pid}, 5000)`);
    // They were one transaction, which did not come to its end.
    expect(await place.ask("select from notes")).toEqual([]);
  });

  it("are waited for as long as each may wait for its locks", async () => {
    pipeline = createPipeline(client, { answerMs: 2_000, mayGoOn });
    await ask(ADD_SLOWLY, "0", "0");
    const write = vi.spyOn(client.connection.stream, "write");
    const at = performance.now();
    expect(await kinds(ask(ADD_SLOWLY, "1", "1.2"), ask(ADD_SLOWLY, "2", "1.2"))).toEqual([[1], [1]]);
    expect(performance.now() - at).toBeGreaterThan(2_000);
    expect(write).toHaveBeenCalledTimes(1);
  });

  it("fail as lost if they take longer than that, and so do those that were done", async () => {
    pipeline = createPipeline(client, { answerMs: 1_000, mayGoOn });
    await ask(ADD_SLOWLY, "0", "0");
    // Twice that is waited for: as long as each may wait for its locks.
    const asked = [ask(ADD_SLOWLY, "1", "0"), ask(ADD_SLOWLY, "2", "4")];
    expect(await kinds(...asked)).toEqual(["lost", "lost"]);
    await expect(asked[1]).rejects.toThrow("Query read timeout");
  });

  it("are waited for no longer than one of them if they only read: a silent network is noticed as soon", async () => {
    pipeline = createPipeline(client, { answerMs: 1_800, mayGoOn });
    await ask(SLEEP, "0");
    expect(await kinds(ask(SLEEP, "1.3"), ask(SLEEP, "1.3"))).toEqual(["lost", "lost"]);
  });

  it("are waited for as long as it takes if there is no time-out", async () => {
    const patient = new Client(clientConfig(parseAddress(place.url), { ...TIMEOUTS, answerMs: 0 }));
    await patient.connect();
    pipeline = createPipeline(patient, { answerMs: 0, mayGoOn });
    await ask(SLEEP, "0");
    expect(await kinds(ask(SLEEP, "0.1"), ask(SLEEP, "0.1"))).toEqual([SLEPT, SLEPT]);
    await patient.end();
  });

  it.each([
    ["update notes set note = $1", true],
    ["with gone as (delete from notes returning *) select * from gone", true],
    ["select * from notes where id = $1 for update", true],
    ["select * from notes where id = $1 for no key update", true],
    ["select 1 where exists (select from notes for key share)", true],
    ["select note as forum from notes", false],
    ["begin isolation level repeatable read read only", false],
    ["commit", false],
  ])("(%s) may have to wait for a lock: %s", (text, mayWait) => {
    expect(toPrepared(text, "s1", []).mayWait).toBe(mayWait);
  });

  it("are refused if they cannot be told to the server, and the connection is as good as before", async () => {
    await prepare();
    const tooMany = Array.from({ length: 40_000 }, () => "1");
    const asked = [ask(ADD, "1", "one"), ask(ADD, ...tooMany)];
    const refused = { status: "rejected", reason: expect.any(RangeError) };
    expect(await Promise.allSettled(asked)).toEqual([refused, refused]);
    pipeline.begin();
    expect(await outcomes(ask(LIST), ask(LIST))).toEqual([[null], [null]]);
  });

  it("are refused, and their connection is given up, if the table is another than it was", async () => {
    await prepare();
    await place.ask("alter table notes drop column note");
    expect(await outcomes(ask(LIST))).toEqual(["0A000"]);
    pipeline.begin();
    await expect(
      new Promise((_, reject) => pipeline.send({ text: LIST, name: LIST, values: [], resolve() {}, reject })),
    ).rejects.toMatchObject({ kind: "lost" });
  });

  it("take no values but texts, numbers, yes, no and nothing", async () => {
    const session = openSession(client, { prepares: true, answerMs: TIMEOUTS.answerMs });
    session.begin();
    const users = session.db.selectFrom("users").select("id");
    await expect(users.where("id", "=", new Date(THEN) as never).execute()).rejects.toThrow("is no value of a query");
  });
});
