/**
 * The life of keys in the database: made once, then next → active → retired.
 * The next key is published before it signs, and a retired one stays until its
 * tokens are dead, so no verifier ever meets a key that it cannot know.
 */
import type { Audit } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Patience } from "../lib/patience.ts";
import type { Random } from "../lib/random.ts";
import type { Commit } from "../revocations/commit.ts";
import { announceKeys } from "../revocations/entries.ts";
import { type Actor, onBehalfOf } from "../roles/actor.ts";
import { insertKeys, type KeyRow, listKeys, updateKey } from "../store/queries/keys.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import { readMeta, writeMeta } from "../store/queries/meta.ts";
import type { Queries, Store, Tx } from "../store/store.ts";
import { generateRefreshSecret, generateSigningKey, type SigningAlgorithm } from "./key-material.ts";
import type { MasterKeys } from "./master-key.ts";

/** What it takes to make keys and move them on. */
export type KeyLifeDeps = {
  readonly store: Pick<Store, "read" | "write">;
  readonly masterKeys: MasterKeys;
  readonly algorithm: SigningAlgorithm;
  /** How long verifiers may keep the published keys before they look again, in milliseconds. */
  readonly jwksCacheLifeMs: number;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly random: Random;
};

/** What it takes to move keys on while others use them. */
export type KeyChangeDeps = Omit<KeyLifeDeps, "store"> & { readonly commit: Commit };

/** Makes the first keys, unless there are keys: one that signs, one that is next, one secret. */
export async function ensureKeys({ store, masterKeys, algorithm, audit, clock, random }: KeyLifeDeps): Promise<void> {
  if ((await store.read(listKeys)).length > 0) return;
  const createdAt = clock.now();
  const keys = [
    await generateSigningKey(algorithm, "active", createdAt, masterKeys),
    await generateSigningKey(algorithm, "next", createdAt, masterKeys),
    await generateRefreshSecret(random, createdAt, masterKeys),
  ];
  await store.write(async (tx) => {
    await lockDefinitions(tx);
    if ((await listKeys(tx.db)).length > 0) return;
    await insertKeys(
      tx.db,
      keys.map((key) => ({ ...key, created_at: tx.now })),
    );
    await audit.record(tx, { kind: "keys_created", details: { kids: keys.map(({ kid }) => kid) } });
  });
}

/** The longest life that any access token was ever given, in milliseconds; 0 before the first start. */
export async function longestAccessTtl(db: Queries): Promise<number> {
  return Number((await readMeta(db, "max_access_ttl_ms")) ?? 0);
}

/** Notes how long access tokens live, if that is longer than ever before. */
export async function noteAccessTtl(tx: Tx, ttlMs: number): Promise<void> {
  await lockDefinitions(tx);
  if (ttlMs <= (await longestAccessTtl(tx.db))) return;
  await writeMeta(tx.db, "max_access_ttl_ms", String(ttlMs));
  await announceKeys(tx, "", ttlMs);
}

/** For so long other instances may still sign with a key that was just retired, in milliseconds. */
export const HANDOVER_MS = 1_000;

/** A rotation: the ids of the keys that sign, will sign and signed; the revision from which everybody knows. */
export type Rotation = {
  readonly active: string;
  readonly next: string;
  readonly retired: string;
  readonly revision: number;
};

/**
 * Makes the next key the active one, retires the active one, publishes a new next
 * one. `force` does so even while a verifier may not yet have seen the next key.
 * @throws Refusal NEXT_KEY_TOO_NEW.
 */
export async function rotateKeys(
  deps: KeyChangeDeps,
  force: boolean,
  actor: Actor,
  patience?: Patience,
): Promise<Rotation> {
  const { commit, masterKeys, algorithm, jwksCacheLifeMs, audit, clock } = deps;
  const fresh = await generateSigningKey(algorithm, "next", clock.now(), masterKeys);
  return commit(
    onBehalfOf(actor, async (tx) => {
      await lockDefinitions(tx);
      const keys = (await listKeys(tx.db)).filter(({ use }) => use === "access");
      const active = inState(keys, "active");
      const next = inState(keys, "next");
      const waitMs = next.created_at + jwksCacheLifeMs - tx.now;
      if (waitMs > 0 && !force) throw tooNew(waitMs);
      const maxAccessTtlMs = await longestAccessTtl(tx.db);
      await updateKey(tx.db, active.kid, { state: "retired", expires_at: tx.now + HANDOVER_MS + maxAccessTtlMs });
      await updateKey(tx.db, next.kid, { state: "active" });
      await insertKeys(tx.db, [{ ...fresh, created_at: tx.now }]);
      const revision = await announceKeys(tx, next.kid, maxAccessTtlMs);
      const kids = { active: next.kid, next: fresh.kid, retired: active.kid };
      await audit.record(tx, { kind: "keys_rotated", actor: actor?.id ?? null, details: kids });
      return { ...kids, revision };
    }),
    patience,
  );
}

function tooNew(waitMs: number): Refusal {
  const wait = `wait ${Math.ceil(waitMs / 1000)} s, or force the rotation`;
  const message = `the next key was published too recently for every verifier to know it; ${wait}`;
  return new Refusal("NEXT_KEY_TOO_NEW", { message, retryAfterMs: waitMs });
}

function inState(keys: readonly KeyRow[], state: KeyRow["state"]): KeyRow {
  const key = keys.find((candidate) => candidate.state === state);
  if (key === undefined) throw new Error(`the database has no ${state} key; was it changed by hand?`);
  return key;
}
