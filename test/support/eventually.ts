import { expect } from "vitest";
import { POLLS } from "./polls.ts";

/** Expects what is looked at again and again to be so at last; patient, since other tests share the machine. */
export function eventually<T>(look: () => T, timeout: number = POLLS.timeout) {
  return expect.poll(look, { ...POLLS, timeout });
}
