/** What a verifier makes of the feed, and of a feed that says what cannot be. */
import { beforeAll, describe, expect, it } from "vitest";
import type { WatchResponse } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { FeedBroken } from "../../src/verifier/feed-reader.ts";
import { type BenchKey, makeBenchKey } from "../support/check-bench.ts";
import { ended, expectBroken, informedBy, ROLES, raised } from "../support/informed-reader.ts";
import { altered, at, createListener, createTeller, unknownEntry, unknownEvent } from "../support/told-feed.ts";

let key: BenchKey;
let teller: ReturnType<typeof createTeller>;
beforeAll(async () => {
  key = await makeBenchKey("one");
  teller = createTeller([key]);
});

const informed = () => informedBy(teller);

describe("A reader of the feed", () => {
  it("takes a snapshot over as a whole, and not before its end", async () => {
    const listener = createListener();
    const read = listener.call();
    const messages = await teller.snapshot(at(5), ROLES, [ended(), raised(3)]);
    read(teller.started());
    for (const message of messages.slice(0, -1)) {
      read(message);
      expect(listener.state()).toMatchObject({ at: at(0, ""), roles: {}, keys: [], sessions: [], users: [] });
    }
    read(messages.at(-1) ?? expect.unreachable());
    expect(listener.state()).toMatchObject({
      at: at(5),
      roles: { admin: ["*"], clerk: ["orders:read"] },
      keys: ["one"],
    });
    expect([listener.state().sessions.length, listener.state().users.length]).toEqual([1, 1]);
    expect(listener.changes).toEqual([{ kind: "resynced", reason: "first snapshot" }]);
  });

  it("keeps what it knows until another snapshot is complete", async () => {
    const { read, state, changes } = await informed();
    const before = state();
    read(teller.tell({ kind: "start_over", reason: "LOG_REPLACED" }));
    const messages = await teller.snapshot(at(1, "other"), [], [ended()]);
    for (const message of messages.slice(0, -1)) {
      read(message);
      expect(state()).toEqual(before);
    }
    read(messages.at(-1) ?? expect.unreachable());
    expect(state()).toMatchObject({ at: at(1, "other"), roles: {}, users: [] });
    expect(changes.at(-1)).toEqual({ kind: "resynced", reason: "the database was put back in time" });
  });

  it("joins batches, even those that say nothing", async () => {
    const { read, state, changes } = await informed();
    read(teller.batch(at(5), 7, ended(), { kind: "role_changed", role: "clerk", grants: null }));
    read(teller.batch(at(7), 9));
    read(teller.batch(at(9), 9));
    read(teller.batch(at(9), 10, { kind: "keys_changed" }, { kind: "role_changed", role: "boss", grants: ["a:b"] }));
    read(teller.checkpoint(at(10)));
    expect(state()).toMatchObject({ at: at(10), roles: { admin: ["*"], boss: ["a:b"] } });
    expect(state().sessions).toHaveLength(3);
    expect(changes.slice(1)).toMatchObject([
      { entries: [{ kind: "session_ended" }, { kind: "role_changed" }], hasKeys: false },
      { entries: [] },
      { entries: [] },
      { entries: [{ kind: "role_changed" }], hasKeys: true },
    ]);
  });

  it("goes on in another call where the last one stopped", async () => {
    const { call, state } = await informed();
    const read = call();
    read(teller.started());
    read(teller.batch(at(5), 6, ended()));
    expect(state().at).toEqual(at(6));
  });

  it("overlooks events that a later version tells beside the log", async () => {
    const { read, state } = await informed();
    const before = state();
    read(unknownEvent());
    read(teller.checkpoint(at(5)));
    expect(state()).toEqual(before);
  });
});

describe("A reader of a feed that breaks", () => {
  it.each<[string, () => WatchResponse]>([
    ["a batch that comes too late", () => teller.batch(at(6), 7, ended())],
    ["a batch that comes twice", () => teller.batch(at(4), 5, ended())],
    ["a batch of another log", () => teller.batch(at(5, "other"), 6, ended())],
    ["a batch that leads back", () => teller.batch(at(5), 4)],
    [
      "a batch into another log",
      () =>
        altered(teller.batch(at(5), 6), "batch", {
          through: { $typeName: "sallyport.auth.v1.Revision", logId: "other", number: 6n },
        }),
    ],
    ["a batch from nowhere", () => altered(teller.batch(at(5), 6, ended()), "batch", { from: undefined })],
    ["a batch to nowhere", () => altered(teller.batch(at(5), 6, ended()), "batch", { through: undefined })],
    [
      "a change of a kind that is unknown",
      () => altered(teller.batch(at(5), 6), "batch", { entries: [unknownEntry()] }),
    ],
    [
      "a change of a kind that is unknown, behind others",
      () => {
        const message = teller.batch(at(5), 9, ended(), { kind: "keys_changed" });
        const entries = message.event.case === "batch" ? message.event.value.entries : [];
        return altered(message, "batch", { entries: [...entries, unknownEntry()] });
      },
    ],
    ["a checkpoint of a revision that was not told", () => teller.checkpoint(at(6))],
    ["a checkpoint of an older revision", () => teller.checkpoint(at(4))],
    ["a checkpoint of another log", () => teller.checkpoint(at(5, "other"))],
    ["a checkpoint of nothing", () => altered(teller.checkpoint(at(5)), "checkpoint", { revision: undefined })],
    ["a checkpoint without its time", () => altered(teller.checkpoint(at(5)), "checkpoint", { asOf: undefined })],
    [
      "a checkpoint without the server's time",
      () => altered(teller.checkpoint(at(5)), "checkpoint", { serverTime: undefined }),
    ],
    ["a second beginning", () => teller.started()],
    [
      "a part of a snapshot without its beginning",
      () => teller.tell({ kind: "snapshot_sessions", entries: new Uint32Array(6) }),
    ],
    [
      "users of a snapshot without its beginning",
      () => teller.tell({ kind: "snapshot_users", entries: new Uint32Array(6) }),
    ],
    ["the end of a snapshot without its beginning", () => teller.tell({ kind: "snapshot_end", revision: at(5) })],
  ])("by %s refuses it, and knows what it knew", async (_what, message) => {
    const listener = await informed();
    expectBroken(listener, () => listener.read(message()));
  });

  it.each([
    ["a snapshot", async () => teller.snapshot(at(5), ROLES, [])],
    ["a batch", async () => [teller.batch(at(0, ""), 1)]],
    ["a checkpoint", async () => [teller.checkpoint(at(0, ""))]],
    ["an event of a kind that is unknown", async () => [unknownEvent()]],
  ])("by %s before it has started refuses it", async (_what, make) => {
    const [message] = await make();
    const { call } = createListener();
    expect(() => call()(message ?? expect.unreachable())).toThrow(FeedBroken);
  });

  it.each(["batch", "checkpoint"] as const)("by a %s before any snapshot refuses it", (kind) => {
    const read = createListener().call();
    read(teller.started());
    const message = kind === "batch" ? teller.batch(at(0, ""), 1) : teller.checkpoint(at(0, ""));
    expect(() => read(message)).toThrow(FeedBroken);
  });

  it.each([{ serverTime: undefined }, { checkpointInterval: undefined }])(
    "by a beginning with %j refuses it",
    (part) => {
      const read = createListener().call();
      expect(() => read(altered(teller.started(), "started", part))).toThrow(FeedBroken);
    },
  );
});

describe("A reader of keys that cannot be used", () => {
  const keysOf = (message: WatchResponse) => (message.event.case === "snapshot" ? message.event.value.keys : undefined);

  it.each([
    ["for an algorithm that is unknown", { algorithm: "ES512" }],
    ["for an algorithm of secrets", { algorithm: "HS256" }],
    ["for another algorithm than theirs", { algorithm: "RS256" }],
    ["that are none", { spki: new Uint8Array([1, 2, 3]) }],
    ["that are empty", { spki: new Uint8Array() }],
  ])("%s knows what it knew", async (_what, change) => {
    const { state, call } = await informed();
    const before = state();
    const read = call();
    read(teller.started());
    const [begin, ...others] = await teller.snapshot(at(9), [], [ended()]);
    if (begin === undefined) throw new Error("there is no beginning");
    const keys = keysOf(begin);
    const bad = (keys?.keys ?? []).map((good) => ({ ...good, id: "bad", ...change }));
    read(
      altered(begin, "snapshot", {
        keys: { ...(keys ?? expect.unreachable()), keys: [...(keys?.keys ?? []), ...bad] },
      }),
    );
    for (const message of others.slice(0, -1)) read(message);
    expect(() => read(others.at(-1) ?? expect.unreachable())).toThrow(/key|unsupported|asn1|decode|too short|fit/i);
    expect(state()).toEqual(before);
  });
});
