/** What a verifier makes of a snapshot that is not whole, or not one. */
import { toBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, it } from "vitest";
import { type WatchResponse, WatchResponseSchema } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { FeedReader } from "../../src/verifier/feed-reader.ts";
import { makeBenchKey } from "../support/check-bench.ts";
import { ended, expectBroken, informedBy, ROLES, raised } from "../support/informed-reader.ts";
import { altered, at, createTeller, TOLD_AT } from "../support/told-feed.ts";

let teller: ReturnType<typeof createTeller>;
beforeAll(async () => {
  teller = createTeller([await makeBenchKey("one")]);
});

describe("A reader of a feed that breaks", () => {
  const partsOf = async (revision = at(9)) => {
    const messages = await teller.snapshot(revision, ROLES, [ended(), raised(7)]);
    const [begin, roles, sessions, users, end] = messages;
    if (!begin || !roles || !sessions || !users || !end) throw new Error("the snapshot has not got five messages");
    return { begin, roles, sessions, users, end };
  };

  it.each<[string, (parts: Awaited<ReturnType<typeof partsOf>>) => readonly WatchResponse[]]>([
    ["without its roles", ({ begin, sessions, users, end }) => [begin, sessions, users, end]],
    ["without its sessions", ({ begin, roles, users, end }) => [begin, roles, users, end]],
    ["without its users", ({ begin, roles, sessions, end }) => [begin, roles, sessions, end]],
    [
      "with a part told twice",
      ({ begin, roles, sessions, users, end }) => [begin, roles, sessions, sessions, users, end],
    ],
    [
      "whose beginning is told anew after its parts",
      ({ begin, roles, sessions, users, end }) => [begin, roles, sessions, users, begin, roles, end],
    ],
    [
      "which ends twice",
      ({ begin, roles, sessions, users, end }) => [begin, roles, sessions, users, begin, roles, sessions, end],
    ],
    [
      "with news in the middle",
      ({ begin, roles, sessions }) => [begin, roles, sessions, teller.batch(at(5), 6, ended())],
    ],
    [
      "with a checkpoint in the middle",
      ({ begin, roles, sessions }) => [begin, roles, sessions, teller.checkpoint(at(5))],
    ],
    [
      "that starts over in the middle",
      ({ begin, roles, sessions, users }) => [
        begin,
        roles,
        sessions,
        teller.tell({ kind: "start_over", reason: "TOO_OLD" }),
        users,
      ],
    ],
    [
      "that was announced and never begins",
      () => [teller.tell({ kind: "start_over", reason: "TOO_OLD" }), teller.checkpoint(at(5))],
    ],
    [
      "in whose place a batch comes",
      () => [teller.tell({ kind: "start_over", reason: "TOO_OLD" }), teller.batch(at(5), 6)],
    ],
    [
      "that ends at another revision",
      ({ begin, roles, sessions, users }) => [
        begin,
        roles,
        sessions,
        users,
        teller.tell({ kind: "snapshot_end", revision: at(8) }, 3),
      ],
    ],
    [
      "that ends in another log",
      ({ begin, roles, sessions, users }) => [
        begin,
        roles,
        sessions,
        users,
        teller.tell({ kind: "snapshot_end", revision: at(9, "other") }, 3),
      ],
    ],
    [
      "that ends nowhere",
      ({ begin, roles, sessions, users, end }) => [
        begin,
        roles,
        sessions,
        users,
        altered(end, "snapshotEnd", { revision: undefined }),
      ],
    ],
    [
      "that begins nowhere",
      ({ begin, roles, sessions, users, end }) => [
        altered(begin, "snapshot", { revision: undefined }),
        roles,
        sessions,
        users,
        end,
      ],
    ],
    [
      "that has no keys",
      ({ begin, roles, sessions, users, end }) => [
        altered(begin, "snapshot", { keys: undefined }),
        roles,
        sessions,
        users,
        end,
      ],
    ],
    [
      "with an id cut short",
      ({ begin, roles, sessions }) => [begin, roles, altered(sessions, "endedSessions", { ids: new Uint8Array(15) })],
    ],
    [
      "with an id too many",
      ({ begin, roles, sessions }) => [begin, roles, altered(sessions, "endedSessions", { ids: new Uint8Array(32) })],
    ],
    [
      "with an expiry too many",
      ({ begin, roles, sessions }) => [
        begin,
        roles,
        altered(sessions, "endedSessions", { expireAfterSeconds: [0, 0] }),
      ],
    ],
    [
      "without the time that expiries count from",
      ({ begin, roles, sessions }) => [begin, roles, altered(sessions, "endedSessions", { baseTime: undefined })],
    ],
    [
      "with a user's id cut short",
      ({ begin, roles, sessions, users }) => [
        begin,
        roles,
        sessions,
        altered(users, "userEpochs", { ids: new Uint8Array(15) }),
      ],
    ],
    [
      "with an epoch missing",
      ({ begin, roles, sessions, users }) => [begin, roles, sessions, altered(users, "userEpochs", { epochs: [] })],
    ],
    [
      "without the time that users' expiries count from",
      ({ begin, roles, sessions, users }) => [
        begin,
        roles,
        sessions,
        altered(users, "userEpochs", { baseTime: undefined }),
      ],
    ],
  ])("by a snapshot %s refuses it, knows what it knew, and takes a good one in the next call", async (_what, alter) => {
    const listener = await informedBy(teller);
    const messages = alter(await partsOf());
    const read: FeedReader = listener.call();
    read(teller.started());
    for (const message of messages.slice(0, -1)) read(message);
    expectBroken(listener, () => read(messages.at(-1) ?? expect.unreachable()));
    const next = listener.call();
    next(teller.started());
    for (const message of await teller.snapshot(at(12), ROLES, [ended()])) next(message);
    next(teller.checkpoint(at(12), TOLD_AT + 1));
    expect(listener.state()).toMatchObject({ at: at(12), users: [] });
    expect(listener.changes.at(-1)).toEqual({ kind: "resynced", reason: "what the feed told did not join" });
    expect(listener.confirmed.at(-1)).toBe(TOLD_AT + 1);
  });
});

describe("A snapshot whose roles do not fit into a message", () => {
  /** As many, and each as large, as there may be: 500 roles of 64 permissions of 128 characters. */
  const many = Array.from({ length: 500 }, (_, role) => ({
    name: `role-${role}`.padEnd(64, "x"),
    grants: Array.from({ length: 64 }, (_, grant) => `orders:r${role}-${grant}-`.padEnd(128, "x")),
  }));
  const isRoles = ({ event }: WatchResponse) => event.case === "roles";

  it("comes in several, none too large, and nothing is missing once it is whole", async () => {
    const { read, state } = await informedBy(teller);
    const messages = await teller.snapshot(at(9), many, [ended(), raised(7)]);
    const sizes = messages.filter(isRoles).map((message) => toBinary(WatchResponseSchema, message).length);
    expect(sizes.length).toBeGreaterThan(10);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    for (const message of [teller.tell({ kind: "start_over", reason: "TOO_OLD" }), ...messages]) read(message);
    expect(state().roles).toEqual(Object.fromEntries(many.map(({ name, grants }) => [name, [...grants].sort()])));
  });

  it("counts for nothing if one of them is missing, and what was known stays", async () => {
    const listener = await informedBy(teller);
    const messages = await teller.snapshot(at(9), many, [ended()]);
    const [first] = messages.filter(isRoles);
    const rest = messages.filter((message) => message !== first);
    expectBroken(listener, () => {
      for (const message of rest) listener.read(message);
    });
  });
});
