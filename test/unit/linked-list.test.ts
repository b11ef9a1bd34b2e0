import { expect, test } from "vitest";
import { createLinkedList } from "../../src/lib/linked-list.ts";

/** A list of these, their places by name, and what is in it now. */
function listOf(...names: readonly string[]) {
  const list = createLinkedList<string>();
  const places = new Map(names.map((name) => [name, list.add(name)]));
  const place = (name: string) => places.get(name) ?? expect.fail(`${name} was never in`);
  const items = () => {
    const found: string[] = [];
    list.each((item) => found.push(item));
    return found;
  };
  return { list, place, items };
}

test("items are gone through in the order in which they were added", () => {
  const { list, items } = listOf("a", "b", "c");
  list.add("d");
  expect(items()).toEqual(["a", "b", "c", "d"]);
  expect(list.size()).toBe(4);
});

test.each([
  ["a", ["b", "c"]],
  ["b", ["a", "c"]],
  ["c", ["a", "b"]],
])("%s may be taken out of three, once", (name, left) => {
  const { list, place, items } = listOf("a", "b", "c");
  expect(list.remove(place(name))).toBe(true);
  expect(list.remove(place(name))).toBe(false);
  expect(items()).toEqual(left);
  expect(list.size()).toBe(2);
});

test("the only one may be taken out, and others come after it", () => {
  const { list, place, items } = listOf("a");
  expect(list.remove(place("a"))).toBe(true);
  expect(list.remove(place("a"))).toBe(false);
  expect([items(), list.size()]).toEqual([[], 0]);
  list.add("b");
  expect([items(), list.size()]).toEqual([["b"], 1]);
});

test("who has gone leads to nobody", () => {
  const { list, place } = listOf("a", "b", "c");
  for (const name of ["b", "a", "c"]) list.remove(place(name));
  for (const name of ["a", "b", "c"]) expect(place(name)).toEqual({ item: name, before: null, after: null });
});

test("who is taken out while all are gone through is passed over, and who comes then waits for the next time", () => {
  const { list, place, items } = listOf("a", "b", "c");
  const met: string[] = [];
  list.each((item, at) => {
    met.push(item);
    list.remove(at);
    list.remove(place("b"));
    list.add(`after ${item}`);
  });
  expect(met).toEqual(["a", "c"]);
  expect(items()).toEqual(["after a", "after c"]);
});

test("the oldest is taken out first, until there is none", () => {
  const { list, place, items } = listOf("a", "b", "c");
  list.remove(place("b"));
  expect([list.takeFirst(), items()]).toEqual(["a", ["c"]]);
  expect(list.remove(place("a"))).toBe(false);
  list.add("d");
  expect([list.takeFirst(), list.takeFirst(), list.takeFirst(), list.size()]).toEqual(["c", "d", undefined, 0]);
});
