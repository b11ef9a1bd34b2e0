import { type EventEmitter, once } from "node:events";
import { connect, createServer, type ServerHttp2Session } from "node:http2";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { createStreamTable, keepStreamsInTable } from "../../src/server/stream-table.ts";

/** What is in a table, in no order. */
function itemsOf<T>(table: { readonly forEach: (callback: (item: T) => void) => void }): T[] {
  const items: T[] = [];
  table.forEach((item) => {
    items.push(item);
  });
  return items;
}

describe("A table of streams", () => {
  it("answers like a map, whatever comes and goes in it", () => {
    const id = fc.integer({ min: 0, max: 40 }).map((number) => number * 2 + 1);
    const step = fc.record({ id, does: fc.constantFrom("set", "set", "get", "delete", "delete") });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const [table, map] = [createStreamTable<string>(), new Map<number, string>()];
        for (const [index, { id, does }] of steps.entries()) {
          if (does === "delete") expect(table.delete(id)).toBe(map.delete(id));
          if (does === "set") {
            table.set(id, `${id} at ${index}`);
            map.set(id, `${id} at ${index}`);
          }
          expect(table.get(id)).toBe(map.get(id));
          expect(table.size).toBe(map.size);
        }
        expect(itemsOf(table).toSorted()).toEqual([...map.values()].toSorted());
      }),
    );
  });

  it("finds each of many that stay while others come and go by the ten thousand, as numbers grow", () => {
    const table = createStreamTable<number>();
    const stay = [1, 3, 31, 33, 2 ** 31 - 1];
    for (const id of stay) table.set(id, id);
    for (let id = 101; id < 60_001; id += 2) {
      table.set(id, id);
      if (id > 150) expect(table.delete(id - 50)).toBe(true);
    }
    expect(table.size).toBe(stay.length + 25);
    for (const id of stay) expect(table.get(id)).toBe(id);
    expect(table.get(60_001)).toBeUndefined();
  });

  it("calls back for each, though each goes when it is called back for", () => {
    const table = createStreamTable<number>();
    for (let id = 1; id < 200; id += 2) table.set(id, id);
    const seen: number[] = [];
    table.forEach((id) => {
      seen.push(id);
      table.delete(id);
    });
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index * 2 + 1));
    expect(table.size).toBe(0);
  });
});

/** Unlike `once`, whatever the close is for: the other side's may come as a reset. */
const closeOf = (closing: EventEmitter) => new Promise((resolve) => closing.once("close", resolve));

/** A server whose sessions keep their streams in the table, and a client's session with it. */
async function startPair() {
  const sessions: ServerHttp2Session[] = [];
  const kept: boolean[] = [];
  const server = createServer();
  server.on("session", (session) => {
    kept.push(keepStreamsInTable(session));
    sessions.push(session);
  });
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("not listening");
  const client = connect(`http://127.0.0.1:${address.port}`);
  client.on("error", () => {});
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const streams = Array.from({ length: 40 }, () => client.request({ ":method": "POST" }, { endStream: false }));
  for (const stream of streams) stream.on("error", () => {});
  await Promise.all(streams.map((stream) => once(stream, "response")));
  const [session] = sessions;
  if (session === undefined) throw new Error("no session");
  return { session, kept, client, streams };
}

describe("Node's session", () => {
  it("is as this Node has it: its streams can be kept in the table", async () => {
    expect((await startPair()).kept).toEqual([true]);
  });

  it("ends each of its streams when it is destroyed", async () => {
    const { session, streams } = await startPair();
    const ended = Promise.all(streams.map(closeOf));
    session.destroy();
    await ended;
    expect(streams.map(({ destroyed }) => destroyed)).not.toContain(false);
  });

  it("closes with its last stream, not before", async () => {
    const { session, streams, client } = await startPair();
    const [last, ...others] = streams;
    session.close();
    for (const stream of others) stream.close();
    await Promise.all(others.map(closeOf));
    expect([session.closed, session.destroyed]).toEqual([true, false]);
    const closed = Promise.all([closeOf(session), closeOf(client)]);
    last?.close();
    await closed;
    expect(session.destroyed).toBe(true);
  });

  it.each([
    ["has no state", {}],
    ["has another state", { [Symbol("state")]: null }],
    ["keeps no streams there", { [Symbol("state")]: { others: new Map() } }],
    ["keeps them elsewhere already", { [Symbol("state")]: { streams: [] } }],
    ["has streams already", { [Symbol("state")]: { streams: new Map([[1, "stream"]]) } }],
  ])("stays as it is where it %s", (_what, session) => {
    const before = structuredStateOf(session);
    expect(keepStreamsInTable(session)).toBe(false);
    expect(structuredStateOf(session)).toEqual(before);
  });
});

function structuredStateOf(session: object): unknown {
  return Object.getOwnPropertySymbols(session).map((key) => structuredClone(Reflect.get(session, key)));
}
