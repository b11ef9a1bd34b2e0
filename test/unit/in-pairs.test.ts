/** When the outcomes of work are handed on together; the work ends when the test says so. */
import { setImmediate as breathe } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { endingInPairs } from "../../src/lib/in-pairs.ts";
import { createPermits, PermitsExhausted } from "../../src/lib/permits.ts";

/** Work that is asked for by name, and what became of it, in order. */
function startWork(permits: number, queue = 16) {
  const base = createPermits({ permits, queue });
  const pairs = endingInPairs(base, base.waiting);
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const outcomes: string[] = [];

  function ask(name: string, signal?: AbortSignal): void {
    const end = Promise.withResolvers<string>();
    ends.set(name, end);
    pairs
      .run(() => end.promise, signal)
      .then(
        (value) => outcomes.push(value),
        (error) => outcomes.push(`${name}: ${error instanceof PermitsExhausted ? "exhausted" : String(error)}`),
      );
  }

  return {
    ask,
    outcomes,
    hasRoom: pairs.hasRoom,
    async end(name: string) {
      ends.get(name)?.resolve(name);
      await breathe();
    },
    async fail(name: string) {
      ends.get(name)?.reject("failed");
      await breathe();
    },
  };
}

describe("While work waits", () => {
  it("outcomes are handed on in pairs, and the last one by itself", async () => {
    const { ask, end, outcomes } = startWork(1);
    for (const name of ["a", "b", "c", "d", "e"]) ask(name);
    const seen: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) {
      await end(name);
      seen.push(outcomes.join(""));
    }
    // Behind d only e runs, and nothing waits any more.
    expect(seen).toEqual(["", "ab", "ab", "abcd", "abcde"]);
  });

  it("of several that run at once, the second to end takes the first along", async () => {
    const { ask, end, outcomes } = startWork(3);
    for (const name of ["a", "b", "c", "d", "e", "f", "g"]) ask(name);
    await end("c");
    expect(outcomes).toEqual([]);
    await end("a");
    expect(outcomes).toEqual(["c", "a"]);
    await end("d");
    expect(outcomes).toEqual(["c", "a"]);
    await end("b");
    expect(outcomes).toEqual(["c", "a", "d", "b"]);
  });

  it("work that fails takes along what was held, and is not held itself", async () => {
    const { ask, end, fail, outcomes } = startWork(1);
    for (const name of ["a", "b", "c", "d"]) ask(name);
    await end("a");
    await fail("b");
    expect(outcomes).toEqual(["a", "b: failed"]);
    await fail("c");
    expect(outcomes).toEqual(["a", "b: failed", "c: failed"]);
  });

  it("work that nobody waits for any more takes along what was held when it ends", async () => {
    const { ask, end, outcomes } = startWork(1);
    const leaving = new AbortController();
    ask("a");
    ask("b", leaving.signal);
    ask("c");
    await end("a");
    leaving.abort("gone");
    await breathe();
    expect(outcomes).toEqual(["b: gone"]);
    await end("b");
    expect(outcomes).toEqual(["b: gone", "a"]);
  });
});

describe("While nothing waits", () => {
  it("each outcome is handed on at once, whatever else runs", async () => {
    const { ask, end, outcomes } = startWork(2);
    ask("a");
    ask("b");
    await end("a");
    expect(outcomes).toEqual(["a"]);
    await end("b");
    expect(outcomes).toEqual(["a", "b"]);
  });
});

it("Who finds no room is refused at once", async () => {
  const { ask, outcomes, hasRoom } = startWork(1, 1);
  ask("a");
  ask("b");
  expect(hasRoom()).toBe(false);
  ask("c");
  await breathe();
  expect(outcomes).toEqual(["c: exhausted"]);
});
