import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createKnowledge, type Knowledge } from "../../src/check/knowledge.ts";
import { createLog } from "../../src/log.ts";
import { createCommit } from "../../src/revocations/commit.ts";
import { announceKeys, announceRole, announceService } from "../../src/revocations/entries.ts";
import { createLogFollower, type LogFollower } from "../../src/revocations/log-follower.ts";
import {
  appendRevocation,
  createLogOnce,
  forgetRevocations,
  type RevocationRow,
} from "../../src/store/queries/revocations.ts";
import { buryRole, saveRole } from "../../src/store/queries/roles.ts";
import { insertService } from "../../src/store/queries/services.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store, Tx } from "../../src/store/store.ts";
import { serviceRow } from "../store/conformance/rows.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

let folder: string;
let clock: FakeClock;
/** The follower's own. */
let store: Store;
/** Another process's. */
let other: Store;
/** What undoes the past: an operator, a restore. */
let operator: Database.Database;
let knowledge: Knowledge;
let follower: LogFollower;
let keyLoads: number;
let keyFault: Error | null;

const MINUTE = 60_000;

beforeEach(async () => {
  folder = temporaryFolder();
  clock = createFakeClock();
  const file = join(folder, "sallyport.db");
  store = await openSqliteStore({ file, clock });
  other = await openSqliteStore({ file, clock });
  operator = new Database(file);
  await store.write(({ db }) => createLogOnce(db, "log one"));
  knowledge = createKnowledge();
  keyLoads = 0;
  keyFault = null;
  follower = createLogFollower({
    store,
    knowledge,
    async loadKeys() {
      keyLoads += 1;
      if (keyFault !== null) throw keyFault;
    },
    clock,
    log: createLog({ level: "silent" }),
  });
});
afterEach(async () => {
  follower.stop();
  operator.close();
  await other.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

type Entry = Pick<RevocationRow, "kind" | "subject" | "value" | "expires_at">;

/** Appends from another process; the revision of the last. */
function append(...entries: Partial<Entry>[]): Promise<number> {
  return other.write(async (tx) => {
    let revision = 0;
    for (const { kind = "session_ended", subject = "s", value = null, expires_at = tx.now + MINUTE } of entries) {
      revision = await appendRevocation(tx, { kind, subject, value, expires_at });
    }
    return revision;
  });
}

const ended = (...ids: string[]) => ids.map((id) => knowledge.revocations.isSessionEnded(id));
const grants = (role: string, permission: string) => knowledge.roles.grants([role], permission);
const position = () => [knowledge.logId(), knowledge.revision()];

describe("Who follows the log", () => {
  it("begins with everything that still matters", async () => {
    await append({ subject: "s1" }, { kind: "user_epoch", subject: "ada", value: "4" });
    await other.write(({ db }) => saveRole(db, "clerk", ["orders:read"]));
    await follower.catchUp();
    expect(position()).toEqual(["log one", 2]);
    expect(ended("s1", "s2")).toEqual([true, false]);
    expect(knowledge.revocations.epochOf("ada")).toBe(4);
    expect([grants("clerk", "orders:read"), grants("admin", "any:thing")]).toEqual([true, true]);
    expect([keyLoads, knowledge.asOf()]).toEqual([1, clock.now()]);
  });

  it("goes on with what others append, and is as fresh as the read", async () => {
    await follower.catchUp();
    clock.advance(MINUTE);
    const revision = await append({ subject: "s1" }, { kind: "user_epoch", subject: "ada", value: "2" });
    await follower.catchUp();
    expect(position()).toEqual(["log one", revision]);
    expect([ended("s1"), knowledge.revocations.epochOf("ada")]).toEqual([[true], 2]);
    expect(knowledge.asOf()).toBe(clock.now());
  });

  it("stays fresh while nothing happens", async () => {
    await follower.catchUp();
    clock.advance(MINUTE);
    await follower.catchUp();
    expect([position(), knowledge.asOf()]).toEqual([["log one", 0], clock.now()]);
  });

  it("takes over what a role grants as often as that changes, and forgets a role that is buried", async () => {
    await follower.catchUp();
    const set = (permissions: readonly string[]) =>
      other.write(async (tx) => {
        await saveRole(tx.db, "clerk", permissions);
        await announceRole(tx, "clerk", permissions, MINUTE);
      });
    await set(["orders:read"]);
    await set(["orders:write"]);
    await follower.catchUp();
    expect([grants("clerk", "orders:read"), grants("clerk", "orders:write")]).toEqual([false, true]);
    await other.write(async (tx) => {
      await buryRole(tx, "clerk");
      await announceRole(tx, "clerk", null, MINUTE);
    });
    await follower.catchUp();
    expect([grants("clerk", "orders:write"), knowledge.roles.has("clerk")]).toEqual([false, false]);
  });

  it("loads keys and services when there is news of them, and only then", async () => {
    await follower.catchUp();
    await append({ subject: "s1" });
    await follower.catchUp();
    expect(keyLoads).toBe(1);
    await other.write((tx) => announceKeys(tx, "k1", MINUTE));
    await other.write(async (tx) => {
      await insertService(tx.db, serviceRow("orders", { key_hash: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" }));
      await announceService(tx, "orders");
    });
    await follower.catchUp();
    expect(keyLoads).toBe(2);
    // SHA-256 of the empty text, so that the empty text is the key.
    expect(knowledge.services.find("")?.serviceId).toBe("orders");
  });

  it("starts over with another log, though its numbers are lower, and forgets what only the old one said", async () => {
    await append({ subject: "s1" }, { subject: "s2" }, { subject: "s3" });
    await follower.catchUp();
    operator.exec("update revocation_log set log_id = 'log two', revision = 1, floor = 0; delete from revocations");
    operator.exec(`insert into revocations values (1, 'session_ended', 's9', null, 0, ${clock.now() + MINUTE})`);
    await follower.catchUp();
    expect(position()).toEqual(["log two", 1]);
    expect(ended("s1", "s2", "s3", "s9")).toEqual([false, false, false, true]);
    expect(keyLoads).toBe(2);
  });

  it("starts over with another log that stands at the very same number", async () => {
    await append({ subject: "s1" });
    await follower.catchUp();
    operator.exec("update revocation_log set log_id = 'log two'; update revocations set subject = 's2'");
    await follower.catchUp();
    expect([position(), ended("s1", "s2")]).toEqual([
      ["log two", 1],
      [false, true],
    ]);
  });

  it("starts over when its own log was put back in time", async () => {
    await append({ subject: "s1" }, { subject: "s2" });
    await follower.catchUp();
    operator.exec("update revocation_log set revision = 1; delete from revocations where revision = 2");
    await follower.catchUp();
    expect([position(), ended("s1", "s2")]).toEqual([
      ["log one", 1],
      [true, false],
    ]);
  });

  it("starts over when the floor has passed it, and misses nothing of what was forgotten meanwhile", async () => {
    await follower.catchUp();
    await other.write(async (tx) => {
      await saveRole(tx.db, "clerk", ["orders:read"]);
      await announceRole(tx, "clerk", ["orders:read"], MINUTE);
      await announceKeys(tx, "k1", MINUTE);
    });
    const revision = await append({ subject: "s1", expires_at: clock.now() + 5 * MINUTE });
    clock.advance(2 * MINUTE);
    await other.write((tx) => forgetRevocations(tx, tx.now));
    await follower.catchUp();
    expect(position()).toEqual(["log one", revision]);
    expect([ended("s1"), grants("clerk", "orders:read"), keyLoads]).toEqual([[true], true, 2]);
  });

  it("needs not start over when the floor stands where it stands itself", async () => {
    const revision = await append({ subject: "s1" });
    await follower.catchUp();
    clock.advance(2 * MINUTE);
    await other.write((tx) => forgetRevocations(tx, tx.now));
    await append({ subject: "s2" });
    await follower.catchUp();
    expect([knowledge.revision(), keyLoads]).toEqual([revision + 1, 1]);
    expect(ended("s1", "s2")).toEqual([true, true]);
  });
});

describe("A log that cannot be read", () => {
  const hide = () => operator.exec("alter table revocation_log rename to hidden");
  const show = () => operator.exec("alter table hidden rename to revocation_log");

  it("leaves what is known, and how fresh that is, until it can be read again", async () => {
    await append({ subject: "s1" });
    await follower.catchUp();
    const asOf = clock.now();
    await append({ subject: "s2" });
    hide();
    clock.advance(MINUTE);
    await expect(follower.catchUp()).rejects.toThrow();
    await expect(follower.catchUp()).rejects.toThrow();
    expect([knowledge.asOf(), position(), ended("s1", "s2")]).toEqual([asOf, ["log one", 1], [true, false]]);
    show();
    await follower.catchUp();
    expect([knowledge.asOf(), ended("s2")]).toEqual([clock.now(), [true]]);
  });

  it("fails who waits for its own revision, rather than let it go on unknowing", async () => {
    await follower.catchUp();
    hide();
    const commit = createCommit({ store, follower });
    const work = ({ db }: Tx) => saveRole(db, "clerk", []).then(() => ({ revision: 1 }));
    await expect(commit(work)).rejects.toThrow();
  });

  it("is one without its one row, too", async () => {
    await follower.catchUp();
    operator.exec("delete from revocation_log");
    await expect(follower.catchUp()).rejects.toThrow("the revocation log is missing from the database");
  });

  it("is one whose keys cannot be opened, too: nothing is known by halves", async () => {
    await follower.catchUp();
    const asOf = knowledge.asOf();
    keyFault = new Error("the wrong master key");
    await other.write((tx) => announceKeys(tx, "k1", MINUTE));
    await append({ subject: "s1" });
    clock.advance(MINUTE);
    await expect(follower.catchUp()).rejects.toBe(keyFault);
    expect([knowledge.revision(), knowledge.asOf(), ended("s1")]).toEqual([0, asOf, [false]]);
    keyFault = null;
    await follower.catchUp();
    expect([knowledge.revision(), ended("s1")]).toEqual([2, [true]]);
  });
});

describe("Who asks for a look at the log", () => {
  it("is never answered from a look that began before, however far that one has come", async () => {
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
    await follower.catchUp();
    await append({ subject: "s1" });
    await Promise.all(Array.from({ length: 50 }, () => follower.catchUp()));
    expect(ended("s1")).toEqual([true]);
  });

  it("knows of its own change, though its log was replaced a moment ago and counts from one again", async () => {
    await append({ subject: "s1" }, { subject: "s2" });
    await follower.catchUp();
    operator.exec("update revocation_log set log_id = 'log two', revision = 0; delete from revocations");
    const { revision } = await createCommit({ store, follower })(async (tx) => ({
      revision: await announceKeys(tx, "k1", MINUTE),
    }));
    expect([position(), revision]).toEqual([["log two", 1], 1]);
  });

  it("does not wait for ever for a change that was lost with its log", async () => {
    const commit = createCommit({ store, follower });
    await expect(commit(async () => ({ revision: 1_000_000 }))).resolves.toEqual({ revision: 1_000_000 });
  });

  it("polls by itself once it has started, until it is stopped", async () => {
    await follower.start();
    await append({ subject: "s1" });
    await expect.poll(() => ended("s1")).toEqual([true]);
    follower.stop();
    await append({ subject: "s2" });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(ended("s2")).toEqual([false]);
  });

  it("is told at the start if the log cannot be read", async () => {
    operator.exec("delete from revocation_log");
    await expect(follower.start()).rejects.toThrow("the revocation log is missing");
  });
});
