import { randomBytes, randomUUIDv7 } from "node:crypto";
import { orderedUuids } from "./ordered-uuids.ts";

/** Makes what must not be guessed or must not repeat. */
export type Random = {
  /** `length` bytes from a cryptographic source. */
  readonly bytes: (length: number) => Uint8Array;
  /** A UUIDv7 (RFC 9562) behind a prefix that says what it names: `usr_…`. Those that one process makes sort as they were made. */
  readonly id: (prefix: string) => string;
};

const uuid = orderedUuids(randomUUIDv7);

/** Randomness from the operating system. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  id: (prefix) => `${prefix}_${uuid()}`,
};
