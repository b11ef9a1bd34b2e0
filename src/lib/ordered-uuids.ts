/**
 * UUIDv7 in the order in which they are made, within one process: what is made later sorts later, also in the same
 * millisecond and after the clock was put back. So a list by id has the oldest first to the last entry, where the order
 * of what was made in one millisecond would be left to chance.
 *
 * RFC 9562 section 6.2, method 1: `rand_a`, random in each new millisecond, counts what else is made in it; once it is
 * full, the timestamp runs ahead by one. `rand_b`, 62 bits, stays random, so that nobody guesses the next.
 */

/** Characters of a UUID before the version: the milliseconds, `0190a1b2-c3d4`. */
const TIME_END = 13;
/** `rand_a`, three digits after the version. */
const COUNT = { from: 15, to: 18, digits: 3, most: 0xfff } as const;

/** Makes what `fresh`, a source of UUIDv7, makes, but in order. */
export function orderedUuids(fresh: () => string): () => string {
  let time = "";
  let count = 0;

  return function orderedUuid() {
    const uuid = fresh();
    const now = uuid.slice(0, TIME_END);
    if (now > time) {
      time = now;
      count = Number.parseInt(uuid.slice(COUNT.from, COUNT.to), 16);
      return uuid;
    }
    if (count === COUNT.most) time = millisecondAfter(time);
    count = (count + 1) & COUNT.most;
    return `${time}-7${count.toString(16).padStart(COUNT.digits, "0")}${uuid.slice(COUNT.to)}`;
  };
}

function millisecondAfter(time: string): string {
  const digits = (Number.parseInt(time.replace("-", ""), 16) + 1).toString(16).padStart(TIME_END - 1, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}
