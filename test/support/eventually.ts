import { expect } from "vitest";

/** Expects what is looked at again and again to be so at last; patient, since other tests share the machine. */
export function eventually<T>(look: () => T, timeout = 15_000) {
  return expect.poll(look, { timeout, interval: 20 });
}
