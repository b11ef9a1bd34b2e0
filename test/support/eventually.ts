import { expect } from "vitest";

/** Expects what is looked at again and again to be so at last; patient, since other tests share the machine. */
export function eventually<T>(look: () => T) {
  return expect.poll(look, { timeout: 15_000, interval: 20 });
}
