/** Randomness that browsers and Node share. */

/** Draws `length` bytes from a cryptographic source. */
export type RandomBytes = (length: number) => Uint8Array<ArrayBuffer>;

/** {@link RandomBytes} of the Web Crypto API, which browsers and Node share. */
export const systemRandomBytes: RandomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

/** A time between half of it and all of it, so that clients which failed together do not come again together. */
export function jittered(milliseconds: number, randomBytes: RandomBytes): number {
  const [byte = 0] = randomBytes(1);
  return milliseconds * (0.5 + byte / 510);
}
