import type { Database } from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { createCommit } from "../../src/revocations/commit.ts";
import { announceKeys } from "../../src/revocations/entries.ts";
import { saveRole } from "../../src/store/queries/roles.ts";
import type { Tx } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { followLog, MINUTE } from "../support/followed-log.ts";

describe("A log that cannot be read", () => {
  const hide = (operator: Database) => operator.exec("alter table revocation_log rename to hidden");
  const show = (operator: Database) => operator.exec("alter table hidden rename to revocation_log");

  it("leaves what is known, and how fresh that is, until it can be read again", async () => {
    const { clock, operator, knowledge, follower, append, ended, position } = await followLog();
    await append({ subject: "s1" });
    await follower.catchUp();
    const asOf = clock.now();
    await append({ subject: "s2" });
    hide(operator);
    clock.advance(MINUTE);
    await expect(follower.catchUp()).rejects.toThrow();
    await expect(follower.catchUp()).rejects.toThrow();
    expect([knowledge.asOf(), position(), ended("s1", "s2")]).toEqual([asOf, ["log one", 1], [true, false]]);
    show(operator);
    await follower.catchUp();
    expect([knowledge.asOf(), ended("s2")]).toEqual([clock.now(), [true]]);
  });

  it("fails who waits for its own revision, rather than let it go on unknowing", async () => {
    const { store, operator, follower } = await followLog();
    await follower.catchUp();
    hide(operator);
    const commit = createCommit({ store, follower });
    const work = ({ db }: Tx) => saveRole(db, "clerk", []).then(() => ({ revision: 1 }));
    await expect(commit(work)).rejects.toThrow();
  });

  it("is one without its one row, too", async () => {
    const { operator, follower } = await followLog();
    await follower.catchUp();
    operator.exec("delete from revocation_log");
    await expect(follower.catchUp()).rejects.toThrow("the revocation log is missing from the database");
  });

  it("is one whose keys cannot be opened, too: nothing is known by halves", async () => {
    const { clock, other, knowledge, follower, keys, append, ended } = await followLog();
    await follower.catchUp();
    const asOf = knowledge.asOf();
    keys.fault = new Error("the wrong master key");
    await other.write((tx) => announceKeys(tx, "k1", MINUTE));
    await append({ subject: "s1" });
    clock.advance(MINUTE);
    await expect(follower.catchUp()).rejects.toBe(keys.fault);
    expect([knowledge.revision(), knowledge.asOf(), ended("s1")]).toEqual([0, asOf, [false]]);
    keys.fault = null;
    await follower.catchUp();
    expect([knowledge.revision(), ended("s1")]).toEqual([2, [true]]);
  });
});

describe("Who asks for a look at the log", () => {
  it("is never answered from a look that began before, however far that one has come", async () => {
    const { operator, follower, ended } = await followLog();
    await follower.catchUp();
    for (let steps = 0; steps < 40; steps += 1) {
      const early = follower.catchUp();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      operator.exec("update revocation_log set revision = revision + 1");
      operator.exec(
        `insert into revocations select revision, 'session_ended', 's${steps}', null, 0, 0 from revocation_log`,
      );
      await follower.catchUp();
      expect(ended(`s${steps}`), `after ${steps} steps`).toEqual([true]);
      await early;
    }
  });

  it("is not answered from the state that somebody's long read still sees", async () => {
    const { store, follower, append, ended } = await followLog();
    await follower.catchUp();
    let look = Promise.resolve();
    await store.read(async (db) => {
      await db.selectFrom("roles").select("name").execute();
      await append({ subject: "s1" });
      look = follower.catchUp();
    });
    await look;
    expect(ended("s1")).toEqual([true]);
  });

  it("is answered together with all others who ask during a look", async () => {
    const { follower, append, ended } = await followLog();
    await follower.catchUp();
    await append({ subject: "s1" });
    await Promise.all(Array.from({ length: 50 }, () => follower.catchUp()));
    expect(ended("s1")).toEqual([true]);
  });

  it("knows of its own change, though its log was replaced a moment ago and counts from one again", async () => {
    const { store, operator, follower, append, position } = await followLog();
    await append({ subject: "s1" }, { subject: "s2" });
    await follower.catchUp();
    operator.exec("update revocation_log set log_id = 'log two', revision = 0; delete from revocations");
    const { revision } = await createCommit({ store, follower })(async (tx) => ({
      revision: await announceKeys(tx, "k1", MINUTE),
    }));
    expect([position(), revision]).toEqual([["log two", 1], 1]);
  });

  it("does not wait for ever for a change that was lost with its log", async () => {
    const { store, follower } = await followLog();
    const commit = createCommit({ store, follower });
    await expect(commit(async () => ({ revision: 1_000_000 }))).resolves.toEqual({ revision: 1_000_000 });
  });

  it("polls by itself once it has started, until it is stopped", async () => {
    const { follower, append, ended } = await followLog();
    await follower.start();
    await append({ subject: "s1" });
    await eventually(() => ended("s1")).toEqual([true]);
    follower.stop();
    await append({ subject: "s2" });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(ended("s2")).toEqual([false]);
  });

  it("is told at the start if the log cannot be read", async () => {
    const { operator, follower } = await followLog();
    operator.exec("delete from revocation_log");
    await expect(follower.start()).rejects.toThrow("the revocation log is missing");
  });
});

describe("A clock that was ahead", () => {
  const HOUR = 60 * MINUTE;

  it("made one forget what still matters: all is read again once the clock is right", async () => {
    const { clock, knowledge, follower, feed, append, ended, position } = await followLog();
    await append({ subject: "s1" }, { kind: "user_epoch", subject: "ada", value: "4" });
    await follower.start();
    clock.advance(HOUR);
    await eventually(() => ended("s1")).toEqual([false]);
    expect(knowledge.revocations.epochOf("ada")).toBe(0);
    clock.advance(-HOUR);
    await eventually(() => ended("s1")).toEqual([true]);
    expect([position(), knowledge.revocations.epochOf("ada")]).toEqual([["log one", 2], 4]);
    // Whoever watches was told all of it before, and is told what comes next.
    const after = { logId: "log one", number: 2 };
    const { signal } = new AbortController();
    const told = new Set<string>();
    for await (const { kind } of feed.watch({ after, signal, confirm() {}, onCut() {} })) {
      if (kind === "checkpoint" && told.size === 0) await append({ subject: "s2" });
      told.add(kind);
      if (kind === "batch") break;
    }
    expect([...told]).toEqual(["checkpoint", "batch"]);
  });

  it("by less than entries are kept for has made one forget nothing, and nothing is read again", async () => {
    const { clock, follower, keys, append, ended } = await followLog();
    await append({ subject: "s1" });
    await follower.start();
    clock.advance(MINUTE + 29_000);
    const looks = async () => {
      for (let count = 0; count < 3; count += 1) await new Promise((resolve) => setTimeout(resolve, 120));
    };
    await looks();
    clock.advance(-29_000);
    await looks();
    expect([ended("s1"), keys.loads]).toEqual([[true], 1]);
  });
});
