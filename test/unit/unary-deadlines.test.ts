import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { createDeadlines } from "../../src/server/unary/deadlines.ts";

/** A call that has so many milliseconds; its name goes into `expired` when they are over. */
function callIn(ms: number, name: string, expired: string[]) {
  return { endsAt: performance.now() + ms, expire: () => void expired.push(name) };
}

it("Calls expire at their deadlines, in whatever order they came, and once", async () => {
  const deadlines = createDeadlines();
  const expired: string[] = [];
  for (const ms of [60, 5, 30_000, 30, -1, 0]) deadlines.add(callIn(ms, `after ${ms}`, expired));
  await expect.poll(() => expired.length).toBe(5);
  await pause(80);
  expect(expired.sort()).toEqual(["after -1", "after 0", "after 30", "after 5", "after 60"]);
});

it("A call does not expire before its deadline", async () => {
  const deadlines = createDeadlines();
  const due = performance.now() + 40;
  const expiredAt = await new Promise<number>((resolve) => {
    deadlines.add({ endsAt: due, expire: () => resolve(performance.now()) });
    deadlines.add({ endsAt: due - 30, expire: () => {} });
  });
  expect(expiredAt).toBeGreaterThanOrEqual(due);
});

it("A call that is over does not expire, and the next one does nevertheless", async () => {
  const deadlines = createDeadlines();
  const expired: string[] = [];
  const [first, second] = [callIn(5, "first", expired), callIn(20, "second", expired)];
  const place = deadlines.add(first);
  deadlines.add(second);
  deadlines.remove(place);
  await expect.poll(() => expired).toEqual(["second"]);
});

it("Calls that come while others expire have deadlines, too", async () => {
  const deadlines = createDeadlines();
  const expired: string[] = [];
  deadlines.add({ endsAt: performance.now(), expire: () => deadlines.add(callIn(5, "late", expired)) });
  await expect.poll(() => expired).toEqual(["late"]);
});
