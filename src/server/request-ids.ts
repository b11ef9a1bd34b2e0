/**
 * Names for requests: each a UUIDv7 (RFC 9562) behind `req_`. Nobody gains by guessing one, so those of one millisecond
 * share the random end of the first, and count on from its `rand_a`, a variation of section 6.2, method 1: to make each anew
 * would cost a call nearly as much as the check.
 */
import type { Random } from "../lib/random.ts";

/** What comes before the version: `req_0190a1b2-c3d4-`. */
const HEAD_END = 18;
/** What comes after `rand_a`. */
const TAIL_START = 22;
/** The version with the most that `rand_a` can be, as a number. */
const LAST = 0x7fff;

/** Returns a function that makes the name of a request which came at `now`, in milliseconds. */
export function createRequestIds({ id }: Pick<Random, "id">): (now: number) => string {
  let at = Number.NaN;
  let head = "";
  let tail = "";
  let count = LAST + 1;

  return function requestId(now) {
    if (now !== at || count > LAST) {
      const fresh = id("req");
      at = now;
      head = fresh.slice(0, HEAD_END);
      tail = fresh.slice(TAIL_START);
      count = Number.parseInt(fresh.slice(HEAD_END, TAIL_START), 16);
    }
    const name = `${head}${count.toString(16)}${tail}`;
    count += 1;
    return name;
  };
}
