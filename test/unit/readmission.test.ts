import { beforeEach, expect, test } from "vitest";
import { createReadmission, type Readmission } from "../../src/server/readmission.ts";

const [MISHAPS, REMEMBERED_MS, GAP_MS, MOST_MS] = [2, 1000, 50, 200];
const ABUSER = "192.0.2.1";
const OTHER = "192.0.2.2";

let now: number;
let readmission: Readmission;
beforeEach(() => {
  now = 5000;
  readmission = createReadmission({
    now: () => now,
    mishaps: MISHAPS,
    rememberedMs: REMEMBERED_MS,
    gapMs: GAP_MS,
    mostMs: MOST_MS,
  });
});

const waits = (count: number, address = ABUSER) => Array.from({ length: count }, () => readmission.waitFor(address));
const loseSessions = (count: number) => {
  for (let lost = 0; lost < count; lost += 1) readmission.cutOff(ABUSER);
};

test("nobody waits who was not cut off", () => {
  expect(waits(100)).toEqual(Array(100).fill(0));
});

test("nobody waits after a mishap or two", () => {
  loseSessions(MISHAPS);
  expect(waits(10)).toEqual(Array(10).fill(0));
});

test("who goes on waits, one session after the other, but none longer than the bound", () => {
  loseSessions(MISHAPS + 1);
  expect(waits(7)).toEqual([50, 100, 150, 200, 200, 200, 200]);
});

test("nobody waits for what another address did", () => {
  loseSessions(100);
  expect(waits(3, OTHER)).toEqual([0, 0, 0]);
});

test("time that has passed is time waited", () => {
  loseSessions(MISHAPS + 1);
  now += GAP_MS;
  expect(waits(2)).toEqual([0, 50]);
});

test("it is forgotten some time after the last session that was cut off, and not before", () => {
  loseSessions(MISHAPS);
  now += REMEMBERED_MS - 1;
  loseSessions(1);
  now += REMEMBERED_MS - 1;
  expect(waits(2)).toEqual([0, 50]);
  now += 1;
  expect(waits(3)).toEqual([0, 0, 0]);
  loseSessions(MISHAPS);
  expect(waits(3)).toEqual([0, 0, 0]);
});
