/**
 * Password hashes: argon2id (RFC 9106) as PHC strings, made and checked on libuv's
 * pool, a bounded number at once. Does not decide what a password may be, nor whose
 * it is. The rule it keeps: too much work is refused as BUSY and never looks like a
 * wrong password, and nor does a stored hash that cannot be read.
 */
import { availableParallelism } from "node:os";
import { hash as argon2Hash, argon2id, verify as argon2Verify, type HashOptions } from "argon2";
import { Refusal } from "../errors.ts";
import { createPermits, type EntryPermits, type Permits, PermitsExhausted } from "../lib/permits.ts";
import type { Random } from "../lib/random.ts";
import { normalizePassword } from "./password-policy.ts";
import { type Argon2Parameters, inReferenceOrder, parseArgon2Phc } from "./phc-string.ts";

/** What new hashes cost. */
export type Argon2Cost = { readonly memoryKiB: number; readonly passes: number; readonly lanes: number };

/** Makes and checks password hashes. Every function may throw the refusal BUSY, or the signal's reason. */
export type PasswordHasher = {
  /** A PHC string for a password at the current cost, with a new salt. */
  readonly hash: (password: string, signal?: AbortSignal) => Promise<string>;
  /** For whoever would rather be refused before the work is prepared. @throws Refusal BUSY if there is no room for more. */
  readonly requireRoom: () => void;
  /**
   * Whether the password is the one that was hashed. `outdated`: if so, store a new
   * hash, since this one was not made with the current type, version, cost or sizes.
   * @throws Error if the stored text is no argon2 hash.
   */
  readonly verify: (
    encodedHash: string,
    password: string,
    signal?: AbortSignal,
  ) => Promise<{ readonly matches: boolean; readonly outdated: boolean }>;
  /** The work of verifying a hash of the current cost, for nothing: so an unknown user takes as long as a known one. */
  readonly verifyNobody: (password: string, signal?: AbortSignal) => Promise<void>;
};

const VERSION = 0x13;
const SALT_LENGTH = 16;
const TAG_LENGTH = 32;
const QUEUE_PER_PERMIT = 16;
const RETRY_AFTER_MS = 1000;

/** How many hashes run at once by the settings, on this machine. */
export function hashPermitsOf({ hashPermits }: { readonly hashPermits: number }): number {
  return hashPermits || defaultHashPermits(availableParallelism());
}

/** How many hashes run at once on a machine of so many cores: all but one, which answers checks. */
export function defaultHashPermits(cores: number): number {
  return Math.max(1, cores - 1);
}

/** Permits for password hashes: so many at once, and sixteen waiting for each. */
export function createHashPermits(permits: number): Permits {
  return createPermits({ permits, queue: permits * QUEUE_PER_PERMIT });
}

/** Hashes that may run or wait in one of several workers, which share the permits and the queue for them. */
export function hashPlacesOf(permits: number, workers: number): number {
  return permits + Math.ceil((permits * QUEUE_PER_PERMIT) / workers);
}

/** A hasher that makes hashes of the given cost, within the given permits. */
export function createPasswordHasher(deps: {
  readonly argon2: Argon2Cost;
  readonly permits: EntryPermits;
  readonly random: Pick<Random, "bytes">;
}): PasswordHasher {
  const { argon2: cost, permits, random } = deps;
  const current: Argon2Parameters = {
    type: "argon2id",
    version: VERSION,
    ...cost,
    saltLength: SALT_LENGTH,
    tagLength: TAG_LENGTH,
  };
  const nobody = hashOfNobody(cost);

  async function permitted<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await permits.run(work, signal);
    } catch (error) {
      throw error instanceof PermitsExhausted ? busy() : error;
    }
  }

  async function verify(encodedHash: string, password: string, signal?: AbortSignal) {
    const stored = parseArgon2Phc(encodedHash);
    if (stored === null) throw new Error("a stored password hash is not an argon2 PHC string");
    const matches = await permitted(() => argon2Verify(encodedHash, normalizePassword(password)), signal);
    return { matches, outdated: differs(stored, current) };
  }

  return {
    hash: async (password, signal) => {
      // Its own salt it would fetch from another thread, which takes longer than to make it.
      const options = () => ({ ...argon2Options(cost), salt: Buffer.from(random.bytes(SALT_LENGTH)) });
      const encoded = await permitted(() => argon2Hash(normalizePassword(password), options()), signal);
      return inReferenceOrder(encoded);
    },
    requireRoom() {
      if (!permits.hasRoom()) throw busy();
    },
    verify,
    verifyNobody: async (password, signal) => {
      await verify(nobody, password, signal);
    },
  };
}

/** Its reason says all: under load there are many, and each cause is a line of the log with a stack. */
function busy(): Refusal {
  return new Refusal("BUSY", { retryAfterMs: RETRY_AFTER_MS });
}

function argon2Options({ memoryKiB, passes, lanes }: Argon2Cost): HashOptions {
  return {
    type: argon2id,
    version: VERSION,
    memoryCost: memoryKiB,
    timeCost: passes,
    parallelism: lanes,
    hashLength: TAG_LENGTH,
  };
}

/**
 * A hash at this cost that no password is known for: all zeros. It need not be secret,
 * since nobody looks at the outcome, and it costs nothing to make.
 */
function hashOfNobody({ memoryKiB, passes, lanes }: Argon2Cost): string {
  const zeros = (length: number) => Buffer.alloc(length).toString("base64").replaceAll("=", "");
  return `$argon2id$v=${VERSION}$m=${memoryKiB},t=${passes},p=${lanes}$${zeros(SALT_LENGTH)}$${zeros(TAG_LENGTH)}`;
}

function differs(stored: Argon2Parameters, current: Argon2Parameters): boolean {
  return (
    stored.type !== current.type ||
    stored.version !== current.version ||
    stored.memoryKiB !== current.memoryKiB ||
    stored.passes !== current.passes ||
    stored.lanes !== current.lanes ||
    stored.saltLength !== current.saltLength ||
    stored.tagLength !== current.tagLength
  );
}
