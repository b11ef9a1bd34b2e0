/** Lines that come with calls are written together; what somebody else writes to the same place comes where it belongs. */
import fs from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { holdLines } from "../../src/lib/held-lines.ts";
import { createLog } from "../../src/log.ts";

const STANDARD_ERROR = 2;

/** The events of the lines that were written to standard error, as one write each holds them. */
function watchWrites(): string[][] {
  const writes: string[][] = [];
  // Other files share this process, also if a test fails.
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(fs, "writeSync").mockImplementation((file: number, text: unknown) => {
    const lines = String(text).trimEnd().split("\n");
    if (file === STANDARD_ERROR) writes.push(lines.map((line) => JSON.parse(line).event));
    return Buffer.byteLength(String(text));
  });
  return writes;
}

it("Lines of calls are held, and written when they are asked for, once", () => {
  const writes = watchWrites();
  const log = createLog({ level: "info", isTerminal: false });
  log.frequent({ event: "first" });
  log.frequent({ event: "second" });
  expect(writes).toEqual([]);
  log.flush();
  log.flush();
  expect(writes).toEqual([["first", "second"]]);
});

it("A line that is not held comes after those that are", () => {
  const writes = watchWrites();
  const log = createLog({ level: "info", isTerminal: false });
  log.frequent({ event: "held" });
  log.warn({ event: "at_once" });
  expect(writes).toEqual([["held"], ["at_once"]]);
});

it("Lines are written before they are more than may be held, in their order, and none is cut, whatever is in it", () => {
  const writes: string[] = [];
  const lines = holdLines({ write: (text) => void writes.push(text) }, 100);
  const said = ["a".repeat(60), "é".repeat(30), "x".repeat(99), "€".repeat(40), "y", "z".repeat(101), "w"].map(
    (text) => `${text}\n`,
  );
  for (const line of said) lines.hold(line);
  lines.flush();
  expect(writes.join("")).toBe(said.join(""));
  expect(writes.every((text) => text.endsWith("\n"))).toBe(true);
  // What is longer than that by itself, is written by itself.
  const tooLong = writes.filter((text) => Buffer.byteLength(text) > 100);
  expect(tooLong).toEqual([said[3], said[5]]);
});

it("Lines are held for a moment only", async () => {
  const writes: string[] = [];
  holdLines({ write: (text) => void writes.push(text) }, 100).hold("one\n");
  expect(writes).toEqual([]);
  await vi.waitUntil(() => writes.length > 0, { timeout: 10_000 });
  expect(writes).toEqual(["one\n"]);
});
