/** Names of requests, as the log and `x-request-id` have them. */
import { randomUUIDv7 } from "node:crypto";
import { expect, it } from "vitest";
import { createRequestIds } from "../../src/server/request-ids.ts";

/** RFC 9562 section 5.7, behind what it names. */
const REQUEST_ID = /^req_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A source of ids with this `rand_a`, and how many were taken from it. */
function counting(randA = "100") {
  let taken = 0;
  const id = (prefix: string) => {
    taken += 1;
    // The time before the version may begin with a 7, too; only the variant comes after the version.
    return `${prefix}_${randomUUIDv7().replace(/-7...(?=-[89ab])/, `-7${randA}`)}`;
  };
  return { id, taken: () => taken };
}

it("Those of one millisecond are UUIDv7, all different, sort as they were made, and share what is random", () => {
  const source = counting();
  const requestId = createRequestIds(source);
  const ids = Array.from({ length: 16 }, () => requestId(5));
  expect(ids.every((id) => REQUEST_ID.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids.map((id) => id.slice(-12))).size).toBe(1);
  expect(source.taken()).toBe(1);
});

it("One is made anew when the count is used up, in a new millisecond, and when the clock was put back", () => {
  const source = counting("ffe");
  const requestId = createRequestIds(source);
  const [first = "", second = "", third = ""] = [requestId(5), requestId(5), requestId(5)];
  expect([first, second, third].map((id) => id.slice(18, 22))).toEqual(["7ffe", "7fff", "7ffe"]);
  expect(source.taken()).toBe(2);
  expect([first, second, third].every((id) => REQUEST_ID.test(id))).toBe(true);
  expect(second.slice(-12)).toBe(first.slice(-12));
  expect(third.slice(-12)).not.toBe(first.slice(-12));
  requestId(6);
  requestId(5);
  expect(source.taken()).toBe(4);
});
