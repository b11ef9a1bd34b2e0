/** Lines that come with calls are written together; what somebody else writes to the same place comes where it belongs. */
import fs from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
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
