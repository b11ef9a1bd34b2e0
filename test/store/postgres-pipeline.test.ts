import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseAddress } from "../../src/store/postgres/address.ts";
import { clientConfig, TIMEOUTS } from "../../src/store/postgres/client.ts";
import { openSession } from "../../src/store/postgres/dialect.ts";
import { createPipeline, type Pipeline } from "../../src/store/postgres/pipeline.ts";
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
    pipeline = createPipeline(client, () => mayGoOn());
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
    const asked = outcomes(ask("select pg_sleep(9)"), ask(LIST));
    const together = outcomes(ask(LIST), ask(LIST));
    client.connection.stream.destroy();
    expect([await asked, await together].flat()).toEqual(["", "", "", ""]);
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
    const session = openSession(client, { prepares: true });
    session.begin();
    const users = session.db.selectFrom("users").select("id");
    await expect(users.where("id", "=", new Date(THEN) as never).execute()).rejects.toThrow("is no value of a query");
  });
});
