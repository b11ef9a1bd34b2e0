/** Refusals are answers: whoever asks for many must not make the server look for where each came from. */
import { expect, it } from "vitest";
import { toConnectError } from "../../src/error-details.ts";
import { Refusal } from "../../src/errors.ts";
import { withoutStack } from "../../src/lib/without-stack.ts";

const framesOf = (error: Error) => error.stack?.split("\n").filter((line) => line.startsWith("    at ")).length;

it("A refusal has no stack, nor has what it becomes on the wire, and its cause keeps its own", () => {
  const cause = new Error("the disk is full");
  const refusal = new Refusal("UNAVAILABLE", { cause });
  expect([framesOf(refusal), framesOf(toConnectError(refusal))]).toEqual([0, 0]);
  expect(refusal.cause).toBe(cause);
  expect(framesOf(cause)).toBeGreaterThan(0);
});

it("What is made after it has a stack as ever, though making it failed", () => {
  const fail = () => {
    throw new Error("not made");
  };
  expect(() => withoutStack(fail)).toThrow("not made");
  new Refusal("BUSY");
  expect(framesOf(new Error("a fault"))).toBeGreaterThan(0);
});
