import { describe, expect, it } from "vitest";
import { announceKeys, announceRole, announceService } from "../../src/revocations/entries.ts";
import { forgetRevocations } from "../../src/store/queries/revocations.ts";
import { buryRole, saveRole } from "../../src/store/queries/roles.ts";
import { insertService } from "../../src/store/queries/services.ts";
import { serviceRow } from "../store/conformance/rows.ts";
import { followLog, MINUTE } from "../support/followed-log.ts";

describe("Who follows the log", () => {
  it("begins with everything that still matters", async () => {
    const { clock, other, knowledge, follower, keys, append, ended, grants, position } = await followLog();
    await append({ subject: "s1" }, { kind: "user_epoch", subject: "ada", value: "4" });
    await other.write(({ db }) => saveRole(db, "clerk", ["orders:read"]));
    await follower.catchUp();
    expect(position()).toEqual(["log one", 2]);
    expect(ended("s1", "s2")).toEqual([true, false]);
    expect(knowledge.revocations.epochOf("ada")).toBe(4);
    expect([grants("clerk", "orders:read"), grants("admin", "any:thing")]).toEqual([true, true]);
    expect([keys.loads, knowledge.asOf()]).toEqual([1, clock.now()]);
  });

  it("goes on with what others append, and is as fresh as the read", async () => {
    const { clock, knowledge, follower, append, ended, position } = await followLog();
    await follower.catchUp();
    clock.advance(MINUTE);
    const revision = await append({ subject: "s1" }, { kind: "user_epoch", subject: "ada", value: "2" });
    await follower.catchUp();
    expect(position()).toEqual(["log one", revision]);
    expect([ended("s1"), knowledge.revocations.epochOf("ada")]).toEqual([[true], 2]);
    expect(knowledge.asOf()).toBe(clock.now());
  });

  it("stays fresh while nothing happens", async () => {
    const { clock, knowledge, follower, position } = await followLog();
    await follower.catchUp();
    clock.advance(MINUTE);
    await follower.catchUp();
    expect([position(), knowledge.asOf()]).toEqual([["log one", 0], clock.now()]);
  });

  it("takes over what a role grants as often as that changes, and forgets a role that is buried", async () => {
    const { other, knowledge, follower, grants } = await followLog();
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
    const { other, knowledge, follower, keys, append } = await followLog();
    await follower.catchUp();
    await append({ subject: "s1" });
    await follower.catchUp();
    expect(keys.loads).toBe(1);
    await other.write((tx) => announceKeys(tx, "k1", MINUTE));
    await other.write(async (tx) => {
      await insertService(tx.db, serviceRow("orders", { key_hash: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" }));
      await announceService(tx, "orders");
    });
    await follower.catchUp();
    expect(keys.loads).toBe(2);
    // SHA-256 of the empty text, so that the empty text is the key.
    expect(knowledge.services.find("")?.serviceId).toBe("orders");
  });

  it("starts over with another log, though its numbers are lower, and forgets what only the old one said", async () => {
    const { clock, operator, follower, keys, append, ended, position } = await followLog();
    await append({ subject: "s1" }, { subject: "s2" }, { subject: "s3" });
    await follower.catchUp();
    operator.exec("update revocation_log set log_id = 'log two', revision = 1, floor = 0; delete from revocations");
    operator.exec(`insert into revocations values (1, 'session_ended', 's9', null, 0, ${clock.now() + MINUTE})`);
    await follower.catchUp();
    expect(position()).toEqual(["log two", 1]);
    expect(ended("s1", "s2", "s3", "s9")).toEqual([false, false, false, true]);
    expect(keys.loads).toBe(2);
  });

  it("starts over with another log that stands at the very same number", async () => {
    const { operator, follower, append, ended, position } = await followLog();
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
    const { operator, follower, append, ended, position } = await followLog();
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
    const { clock, other, follower, keys, append, ended, grants, position } = await followLog();
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
    expect([ended("s1"), grants("clerk", "orders:read"), keys.loads]).toEqual([[true], true, 2]);
  });

  it("needs not start over when the floor stands where it stands itself", async () => {
    const { clock, other, knowledge, follower, keys, append, ended } = await followLog();
    const revision = await append({ subject: "s1" });
    await follower.catchUp();
    clock.advance(2 * MINUTE);
    await other.write((tx) => forgetRevocations(tx, tx.now));
    await append({ subject: "s2" });
    await follower.catchUp();
    expect([knowledge.revision(), keys.loads]).toEqual([revision + 1, 1]);
    expect(ended("s1", "s2")).toEqual([true, true]);
  });
});
