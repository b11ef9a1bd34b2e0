import { expect, test } from "vitest";
import { createRing } from "../../src/lib/ring.ts";

/** A ring of these, their places by name, and what is in it now. */
function ringOf(...names: readonly string[]) {
  const ring = createRing<string>();
  const places = new Map(names.map((name) => [name, ring.add(name)]));
  const place = (name: string) => places.get(name) ?? expect.fail(`${name} was never in`);
  const items = () => {
    const found: string[] = [];
    ring.each((item) => found.push(item));
    return found;
  };
  return { ring, place, items };
}

test("items are gone through in the order in which they were added", () => {
  const { ring, items } = ringOf("a", "b", "c");
  ring.add("d");
  expect(items()).toEqual(["a", "b", "c", "d"]);
  expect(ring.size()).toBe(4);
});

test.each([
  ["a", ["b", "c"]],
  ["b", ["a", "c"]],
  ["c", ["a", "b"]],
])("%s may be taken out of three, once", (name, left) => {
  const { ring, place, items } = ringOf("a", "b", "c");
  expect(ring.remove(place(name))).toBe(true);
  expect(ring.remove(place(name))).toBe(false);
  expect(items()).toEqual(left);
  expect(ring.size()).toBe(2);
});

test("the only one may be taken out, and others come after it", () => {
  const { ring, place, items } = ringOf("a");
  expect(ring.remove(place("a"))).toBe(true);
  expect(ring.remove(place("a"))).toBe(false);
  expect([items(), ring.size()]).toEqual([[], 0]);
  ring.add("b");
  expect([items(), ring.size()]).toEqual([["b"], 1]);
});

test("who has gone leads to nobody", () => {
  const { ring, place } = ringOf("a", "b", "c");
  for (const name of ["b", "a", "c"]) ring.remove(place(name));
  for (const name of ["a", "b", "c"]) expect(place(name)).toEqual({ item: name, before: null, after: null });
});

test("who is taken out while all are gone through is passed over, and who comes then waits for the next time", () => {
  const { ring, place, items } = ringOf("a", "b", "c");
  const met: string[] = [];
  ring.each((item, at) => {
    met.push(item);
    ring.remove(at);
    ring.remove(place("b"));
    ring.add(`after ${item}`);
  });
  expect(met).toEqual(["a", "c"]);
  expect(items()).toEqual(["after a", "after c"]);
});
