/** Two instances that change at the same moment what holds for everybody: it comes out as if one had been first. */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Core } from "../../src/core.ts";
import { listKeys } from "../../src/store/queries/keys.ts";
import { findRole } from "../../src/store/queries/roles.ts";
import { liveServices } from "../../src/store/queries/services.ts";
import { findUser, lockUser, setState } from "../../src/store/queries/users.ts";
import type { TestApp } from "../support/app.ts";
import { endless } from "../support/patience.ts";
import { passwordOf } from "../support/people.ts";
import { ENGINES, startTwoApps, type TwoApps } from "../support/two-apps.ts";

const ROUNDS = 8;

describe.each(ENGINES)("On %s", (engine) => {
  let apps: TwoApps;
  let app: TestApp;

  beforeAll(async () => {
    apps = await startTwoApps(engine);
    app = apps.first;
  });
  afterAll(() => apps.close());

  /** Works with two cores on the database, beside the instances. */
  const withTwo = <T>(work: (one: Core, other: Core) => Promise<T>) =>
    app.beside((one) => app.beside((other) => work(one, other)));
  const account = (username: string, roles: readonly string[]) => ({
    username,
    password: passwordOf(username),
    email: "",
    roles,
  });
  const reasonsOf = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
    outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.reason] : []));

  it("many rotations at once leave one key that signs, and one that is next", async () => {
    await withTwo(async (one, other) => {
      const turns = Array.from({ length: ROUNDS }, (_, index) => (index % 2 ? one : other));
      const before = (await one.store.read(listKeys)).length;
      await Promise.all(turns.map((core) => core.rotateKeys(true, null)));
      const keys = (await one.store.read(listKeys)).filter(({ use }) => use === "access");
      const states = keys.map(({ state }) => state).filter((state) => state !== "retired");
      expect(states.sort()).toEqual(["active", "next"]);
      expect(keys.length).toBe(before - 1 + ROUNDS);
    });
  });

  it("a rotation and the withdrawal of the same key leave one key that signs, and one that is next", async () => {
    await withTwo(async (one, other) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const active = (await one.store.read(listKeys)).find(
          ({ use, state }) => use === "access" && state === "active",
        );
        await Promise.all([one.rotateKeys(true, null), other.withdrawKey(active?.kid ?? "", null)]);
        const keys = (await one.store.read(listKeys)).filter(({ use }) => use === "access");
        const states = keys.map(({ state }) => state).filter((state) => state !== "retired");
        expect(states.sort()).toEqual(["active", "next"]);
      }
    });
  });

  it("one of many who make a service of one name gets it", async () => {
    await withTwo(async (one, other) => {
      const turns = Array.from({ length: ROUNDS }, (_, index) => (index % 2 ? one : other));
      const outcomes = await Promise.allSettled(turns.map((core) => core.services.create("orders", [], null)));
      expect(reasonsOf(outcomes)).toEqual(Array.from({ length: ROUNDS - 1 }, () => "SERVICE_NAME_TAKEN"));
      expect(await one.store.read(liveServices)).toHaveLength(1);
    });
  });

  it("a role that is deleted while it is given to somebody is either kept or not given", async () => {
    await withTwo(async (one, other) => {
      const { id } = await one.createUser(account("ada", []));
      for (let round = 0; round < ROUNDS; round += 1) {
        const name = `clerk-${round}`;
        await one.roleDefinitions.set(name, [], null);
        const outcomes = await Promise.allSettled([
          one.createUser(account(`bob-${round}`, [name])),
          one.assignRoles(id, [name], null),
          other.roleDefinitions.delete(name, null),
        ]);
        const role = await one.store.read((db) => findRole(db, name));
        const [made, given, deleted] = outcomes.map(({ status }) => status === "fulfilled");
        expect({ made, given, deleted }).toEqual(
          role === null
            ? { made: false, given: false, deleted: true }
            : { made: expect.any(Boolean), given: expect.any(Boolean), deleted: false },
        );
        expect(made || given || deleted).toBe(true);
      }
    });
  });

  it("a role that both define grants what one of them said, in memory as in the database", async () => {
    await withTwo(async (one, other) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const wanted = [["orders:read", "stock:read"], ["orders:write"]];
        await Promise.all([
          one.roleDefinitions.set("guard", wanted[0] ?? [], null),
          other.roleDefinitions.set("guard", wanted[1] ?? [], null),
        ]);
        const stored = await one.store.read((db) => findRole(db, "guard"));
        expect(wanted).toContainEqual(stored?.permissions);
        const says = stored?.permissions.includes("orders:write");
        // Whoever was first may not have heard of the second yet.
        await one.waitForRevision({ logId: one.knowledge.logId(), number: other.knowledge.revision() }, soon());
        await other.waitForRevision({ logId: one.knowledge.logId(), number: one.knowledge.revision() }, soon());
        for (const { knowledge } of [one, other]) expect(knowledge.roles.grants(["guard"], "orders:write")).toBe(says);
      }
    });
  });

  it("a command whose actor is shut out before it is done is refused", async () => {
    await withTwo(async (one, other) => {
      await one.createUser(account("root", ["admin"]));
      const { id } = await one.createUser(account("eve", ["admin"]));
      const request = { identifier: "eve", password: passwordOf("eve"), audiences: [], deviceName: "" };
      const { sessionId } = await other.login(request, endless);
      const actor = { id, sessionId, roles: ["admin"], holds: () => true, mayGive: () => true };
      let command: Promise<unknown> = Promise.resolve();
      await one.store.write(async (tx) => {
        await lockUser(tx, id);
        await setState(tx.db, id, "disabled");
        command = other.roleDefinitions.set("late", [], actor);
        // It may be refused before this write is over, when nobody is there to hear of it.
        command.catch(() => {});
        // Until it has had every opportunity to overtake.
        await pause(150);
      });
      await expect(command).rejects.toMatchObject({ reason: "SESSION_REVOKED" });
      expect(await one.store.read((db) => findRole(db, "late"))).toBeNull();
    });
  });

  it("administrators who disable each other at once leave one", async () => {
    await withTwo(async (one, other) => {
      const ids: string[] = [];
      for (const name of ["ann", "ben", "cat"]) ids.push((await one.createUser(account(name, ["admin"]))).id);
      await one.accountState.disable((await one.store.read((db) => findUser(db, "username", "root")))?.id ?? "", null);
      const outcomes = await Promise.allSettled(
        ids.map((id, index) => (index % 2 ? one : other).accountState.disable(id, null)),
      );
      expect(reasonsOf(outcomes)).toEqual(["LAST_ADMIN"]);
      const users = await Promise.all(ids.map((id) => one.store.read((db) => findUser(db, "id", id))));
      expect(users.map((user) => user?.state).sort()).toEqual(["active", "disabled", "disabled"]);
    });
  });
});

const soon = () => AbortSignal.timeout(10_000);
