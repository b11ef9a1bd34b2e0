import { argon2d, hash as argon2Hash, argon2i } from "argon2";
import { describe, expect, it } from "vitest";
import { Refusal } from "../../src/errors.ts";
import { createPermits } from "../../src/lib/permits.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createHashPermits, createPasswordHasher, defaultHashPermits } from "../../src/passwords/password-hasher.ts";

const argon2 = { memoryKiB: 64, passes: 1, lanes: 1 };
const hasher = createPasswordHasher({ random: systemRandom, argon2, permits: createHashPermits(2) });
const right = "correct horse";

describe("a hash", () => {
  it("is an argon2id PHC string with the cost, a salt of 16 bytes and a tag of 32", async () => {
    expect(await hasher.hash(right)).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  });

  it("is read in any order of its parameters", async () => {
    const stored = (await hasher.hash(right)).replace("t=1,p=1", "p=1,t=1");
    expect(await hasher.verify(stored, right)).toEqual({ matches: true, outdated: false });
  });

  it("has a salt of its own", async () => {
    expect(await hasher.hash(right)).not.toBe(await hasher.hash(right));
  });

  it("matches its password and is not outdated", async () => {
    expect(await hasher.verify(await hasher.hash(right), right)).toEqual({ matches: true, outdated: false });
  });

  it("matches its password in another normalization form", async () => {
    expect((await hasher.verify(await hasher.hash("caf\u00E9 noir"), "cafe\u0301 noir")).matches).toBe(true);
  });

  it.each([
    ["another password", "correct hors"],
    ["the password in capitals", "CORRECT HORSE"],
    ["the password with a space after it", "correct horse "],
    ["the password with a NUL and more after it", "correct horse\u0000x"],
    ["nothing", ""],
  ])("does not match %s", async (_what, wrong) => {
    expect((await hasher.verify(await hasher.hash(right), wrong)).matches).toBe(false);
  });

  it("tells apart long passwords that differ at the end", async () => {
    const long = "x".repeat(1023);
    expect((await hasher.verify(await hasher.hash(`${long}a`), `${long}b`)).matches).toBe(false);
  });
});

describe("a hash that was made otherwise", () => {
  const options = { memoryCost: 64, timeCost: 1, parallelism: 1 };

  it.each([
    ["more memory", { ...options, memoryCost: 128 }],
    ["more passes", { ...options, timeCost: 2 }],
    ["more lanes", { ...options, parallelism: 2 }],
    ["argon2i", { ...options, type: argon2i } as const],
    ["argon2d", { ...options, type: argon2d } as const],
    ["argon2 1.0", { ...options, version: 0x10 }],
    ["a longer tag", { ...options, hashLength: 64 }],
    ["a longer salt", { ...options, salt: Buffer.alloc(24, 1) }],
  ])("with %s matches and is outdated", async (_what, otherwise) => {
    const stored = await argon2Hash(right, otherwise);
    expect(await hasher.verify(stored, right)).toEqual({ matches: true, outdated: true });
    expect((await hasher.verify(stored, "wrong")).matches).toBe(false);
  });

  it("before hashes had a version matches and is outdated", async () => {
    const stored = (await argon2Hash(right, { ...options, version: 0x10 })).replace("$v=16", "");
    expect(await hasher.verify(stored, right)).toEqual({ matches: true, outdated: true });
  });
});

describe("a stored text that is no hash", () => {
  const whole = `$argon2id$v=19$m=64,t=1,p=1$${"A".repeat(22)}$${"A".repeat(43)}`;

  it.each([
    ["nothing", ""],
    ["the password itself", right],
    ["a bcrypt hash", "$2b$10$abcdefghijklmnopqrstuuE6Tb5Dg1aCqzS0nBtqXz1rYjQ1V0b1e"],
    ["an unknown kind of argon2", whole.replace("argon2id", "argon2x")],
    ["a hash without its tag", whole.slice(0, whole.lastIndexOf("$"))],
    ["a hash with most of its tag cut off", whole.slice(0, -30)],
    ["a hash without a salt", whole.replace("A".repeat(22), "")],
    ["a hash with one cost twice", whole.replace("t=1", "m=1")],
    ["a hash without a cost", whole.replace("m=64,t=1,p=1", "")],
    ["a hash with a negative cost", whole.replace("t=1", "t=-1")],
    ["a hash with no memory", whole.replace("m=64", "m=0")],
    ["a hash with no passes", whole.replace("t=1", "t=0")],
    ["a hash with something before it", ` ${whole}`],
    ["a hash with a line feed after it", `${whole}\n`],
  ])("as %s is a fault of ours, never a wrong password", async (_what, stored) => {
    const thrown: unknown = await hasher.verify(stored, right).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Error);
    expect(thrown).not.toBeInstanceOf(Refusal);
    if (stored !== "") expect(String(thrown)).not.toContain(stored);
  });
});

describe("verifying nobody's password", () => {
  it("yields nothing, whatever the password", async () => {
    expect(await hasher.verifyNobody(right)).toBeUndefined();
    expect(await hasher.verifyNobody("")).toBeUndefined();
  });

  it("takes one permit, once, from the first call on", async () => {
    let runs = 0;
    const permits = createPermits({ permits: 1, queue: 0 });
    const counted = createPasswordHasher({
      random: systemRandom,
      argon2,
      permits: {
        ...permits,
        run: (work, signal) => {
          runs += 1;
          return permits.run(work, signal);
        },
      },
    });
    expect(runs).toBe(0);
    await counted.verifyNobody(right);
    expect(runs).toBe(1);
    await counted.verifyNobody(right);
    expect(runs).toBe(2);
  });

  it("takes about as long as verifying somebody's", async () => {
    const slow = createPasswordHasher({
      random: systemRandom,
      argon2: { ...argon2, memoryKiB: 8192, passes: 2 },
      permits: createHashPermits(1),
    });
    const stored = await slow.hash(right);
    const least = { nobody: Number.POSITIVE_INFINITY, somebody: Number.POSITIVE_INFINITY };
    for (let run = 0; run < 12; run++) {
      least.nobody = Math.min(least.nobody, await duration(() => slow.verifyNobody(right)));
      least.somebody = Math.min(least.somebody, await duration(() => slow.verify(stored, right)));
    }
    expect(least.nobody / least.somebody).toBeGreaterThan(0.4);
    expect(least.nobody / least.somebody).toBeLessThan(2.5);
  });
});

describe("when there is too much to hash", () => {
  it.each(["hash", "verify", "verifyNobody", "requireRoom"] as const)(
    "%s is refused at once as BUSY, with a time to wait",
    async (name) => {
      const stored = await hasher.hash(right);
      const full = createPasswordHasher({
        random: systemRandom,
        argon2,
        permits: createPermits({ permits: 0, queue: 0 }),
      });
      const calls = {
        hash: () => full.hash(right),
        verify: () => full.verify(stored, right),
        verifyNobody: () => full.verifyNobody(right),
        requireRoom: async () => full.requireRoom(),
      };
      const thrown: unknown = await calls[name]().catch((error: unknown) => error);
      expect(thrown).toMatchObject({ name: "Refusal", reason: "BUSY", retryAfterMs: 1000 });
      // The reason says all there is to say, and each cause is a stack in the log.
      expect(thrown).not.toHaveProperty("cause");
    },
  );

  it("sixteen wait for each permit and the next is refused", async () => {
    const permits = createHashPermits(1);
    const busy = createPasswordHasher({ random: systemRandom, argon2, permits });
    const calls = Array.from({ length: 18 }, () => busy.hash(right));
    expect([permits.running(), permits.waiting()]).toEqual([1, 16]);
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual([...Array(17).fill("fulfilled"), "rejected"]);
  });
});

describe("a call that was cancelled", () => {
  it("before it began hashes nothing and fails with the signal's reason", async () => {
    const cancelled = AbortSignal.abort(new Error("gone"));
    await expect(hasher.hash(right, cancelled)).rejects.toThrow("gone");
    await expect(hasher.verifyNobody(right, cancelled)).rejects.toThrow("gone");
  });

  it("while it waits never begins", async () => {
    const permits = createHashPermits(1);
    const busy = createPasswordHasher({ random: systemRandom, argon2, permits });
    const leaving = new AbortController();
    const first = busy.hash(right);
    const left = busy.hash(right, leaving.signal);
    leaving.abort(new Error("gone"));
    expect(permits.waiting()).toBe(0);
    await expect(left).rejects.toThrow("gone");
    await first;
  });

  it("while it hashes keeps its permit until the hash is done", async () => {
    const permits = createHashPermits(1);
    const busy = createPasswordHasher({ random: systemRandom, argon2, permits });
    const leaving = new AbortController();
    const left = busy.hash(right, leaving.signal);
    leaving.abort(new Error("gone"));
    expect(permits.running()).toBe(1);
    await expect(left).rejects.toThrow("gone");
    await busy.hash(right);
    expect(permits.running()).toBe(0);
  });
});

describe("the default number of permits", () => {
  it.each([
    [0, 1],
    [1, 1],
    [2, 1],
    [4, 3],
    [64, 63],
  ])("on %i cores is %i", (cores, permits) => expect(defaultHashPermits(cores)).toBe(permits));
});

async function duration(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
