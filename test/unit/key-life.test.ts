import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAudit } from "../../src/audit/audit.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { listKeys } from "../../src/store/queries/keys.ts";
import { createLogOnce, entriesAfter } from "../../src/store/queries/revocations.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import {
  ensureKeys,
  HANDOVER_MS,
  type KeyChangeDeps,
  type KeyLifeDeps,
  noteAccessTtl,
  rotateKeys,
} from "../../src/tokens/key-life.ts";
import { createMasterKeys } from "../../src/tokens/master-key.ts";
import { temporaryFolder } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const LIFE = 600_000;
const JWKS_LIFE = 300_000;

/** A database without keys, and what it takes to make some. */
async function emptyDatabase() {
  const dataDir = temporaryFolder();
  const clock = createFakeClock();
  const store = await openSqliteStore({ file: join(dataDir, "sallyport.db"), clock });
  onTestFinished(async () => {
    await store.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  await store.write(async (tx) => {
    await createLogOnce(tx.db, "log");
    await noteAccessTtl(tx, LIFE);
  });
  const deps: KeyLifeDeps & KeyChangeDeps = {
    store,
    commit: store.write,
    masterKeys: createMasterKeys([randomBytes(32)]),
    algorithm: "ES256",
    jwksCacheLifeMs: JWKS_LIFE,
    audit: createAudit({ random: systemRandom, log: createLog({ level: "silent" }) }),
    clock,
    random: systemRandom,
  };
  /** The signing keys, by their states. */
  const states = async () => {
    const rows = (await store.read(listKeys)).filter(({ use }) => use === "access");
    return new Map(rows.map((row) => [row.kid, row.state]));
  };
  return { deps, clock, store, states };
}

describe("The first keys", () => {
  it("are made once, however many make them at the same moment", async () => {
    const { deps, store } = await emptyDatabase();
    await Promise.all([ensureKeys(deps), ensureKeys(deps), ensureKeys(deps)]);
    await ensureKeys(deps);
    const keys = await store.read(listKeys);
    expect(keys.map(({ use, state }) => `${use} ${state}`).sort()).toEqual([
      "access active",
      "access next",
      "refresh active",
    ]);
  });
});

describe("A rotation", () => {
  it("moves next to active and active to retired, and makes a next one", async () => {
    const { deps, clock, states } = await emptyDatabase();
    await ensureKeys(deps);
    clock.advance(JWKS_LIFE);
    const rotation = await rotateKeys(deps, false, null);
    const { retired, active, next } = rotation;
    expect(await states()).toEqual(
      new Map([
        [retired, "retired"],
        [active, "active"],
        [next, "next"],
      ]),
    );
  });

  it("keeps the retired key for the longest life that a token was ever given, and says so in the log", async () => {
    const { deps, clock, store } = await emptyDatabase();
    await ensureKeys(deps);
    clock.advance(JWKS_LIFE);
    const before = await store.read((db) => entriesAfter(db, 0));
    await rotateKeys(deps, false, null);
    const keys = await store.read(listKeys);
    expect(keys.flatMap(({ state, expires_at }) => (state === "retired" ? [expires_at] : []))).toEqual([
      clock.now() + HANDOVER_MS + LIFE,
    ]);
    const [entry, ...more] = (await store.read((db) => entriesAfter(db, 0))).slice(before.length);
    expect([entry?.kind, more]).toEqual(["keys_changed", []]);
  });

  it("that is refused changes nothing", async () => {
    const { deps, store } = await emptyDatabase();
    await ensureKeys(deps);
    const before = await store.read(listKeys);
    await expect(rotateKeys(deps, false, null)).rejects.toMatchObject({
      reason: "NEXT_KEY_TOO_NEW",
      retryAfterMs: JWKS_LIFE,
    });
    expect(await store.read(listKeys)).toEqual(before);
  });

  it("may be forced, and is refused again after that for as long as before", async () => {
    const { deps, clock, store } = await emptyDatabase();
    await ensureKeys(deps);
    clock.advance(1000);
    const next = (await store.read(listKeys)).find(({ state }) => state === "next");
    expect((await rotateKeys(deps, true, null)).active).toBe(next?.kid);
    await expect(rotateKeys(deps, false, null)).rejects.toMatchObject({
      reason: "NEXT_KEY_TOO_NEW",
      retryAfterMs: JWKS_LIFE,
    });
  });

  it("takes its turn: of two at the same moment one finds the next key too young", async () => {
    const { deps, clock, states } = await emptyDatabase();
    await ensureKeys(deps);
    clock.advance(JWKS_LIFE);
    const rotations = await Promise.allSettled([rotateKeys(deps, false, null), rotateKeys(deps, false, null)]);
    expect(rotations.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect([...(await states()).values()].sort()).toEqual(["active", "next", "retired"]);
  });

  it("fails where there is no key to move, and changes nothing", async () => {
    const { deps, store } = await emptyDatabase();
    await expect(rotateKeys(deps, true, null)).rejects.toThrow("the database has no active key");
    expect(await store.read(listKeys)).toEqual([]);
  });
});

describe("The longest life of a token", () => {
  it("only grows, so that no token outlives its key", async () => {
    const { deps, clock, store } = await emptyDatabase();
    await ensureKeys(deps);
    for (const life of [LIFE + 5000, 1000]) await store.write((tx) => noteAccessTtl(tx, life));
    clock.advance(JWKS_LIFE);
    await rotateKeys(deps, false, null);
    const retired = (await store.read(listKeys)).find(({ state }) => state === "retired");
    expect(retired?.expires_at).toBe(clock.now() + HANDOVER_MS + LIFE + 5000);
  });
});
