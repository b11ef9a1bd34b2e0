/** Whatever text is said in the log, it forges nothing there: neither in a file nor on a terminal. */
import { describe, expect, it } from "vitest";
import { createLog } from "../../src/log.ts";
import { INJECTIONS, unseenIn, withoutColours } from "../support/log-injections.ts";

const CASES = Object.entries(INJECTIONS);

/** Says the text in every place that a log has; what is written. */
function written(text: string, isTerminal: boolean): string {
  const chunks: string[] = [];
  const log = createLog({ level: "debug", isTerminal, destination: { write: (chunk) => void chunks.push(chunk) } });
  log.info({ event: "said", text, list: [text], deep: { text: { text } }, [`x${text}`]: 1 }, text);
  log.warn({ event: "said", cause: { message: text, stack: text } });
  log.error({ event: "failed", error: new TypeError(text, { cause: new Error(text) }) }, "it failed");
  return chunks.join("");
}

describe("Of what is said in a log", () => {
  it.each(CASES)("%s makes no line and no event of its own in a file", (_what, text) => {
    const lines = written(text, false).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(["said", "said", "failed"]);
    expect(unseenIn(lines.join("\n"))).toEqual([]);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      text,
      list: [text],
      deep: { text: { text } },
      [`x${text}`]: 1,
      msg: text,
    });
    expect(JSON.parse(lines[2] ?? "").error.message).toContain(text);
  });

  it.each(CASES)("%s does nothing on a terminal", (_what, text) => {
    const shown = withoutColours(written(text, true));
    expect(shown.colours).toBe(withoutColours(written("harmless", true)).colours);
    expect(unseenIn(shown.text)).toEqual([]);
    // Each event begins with its time at the margin, and nothing else stands there.
    const atMargin = shown.text.split("\n").filter((line) => /^\S/.test(line));
    expect(atMargin.map((line) => /^\[[\d:.]+\] (INFO|WARN|ERROR):/.exec(line)?.[1])).toEqual([
      "INFO",
      "WARN",
      "ERROR",
    ]);
  });

  it("what is unseen is shown on a terminal by its number", () => {
    expect(written("a\u001b[2J\u009b\u202e\u{e0001}", true)).toContain("a\\u001b[2J\\u009b\\u202e\\udb40\\udc01");
  });
});

describe("The line of a call", () => {
  it("is the one that any other way of saying it would have written", () => {
    const said: string[] = [];
    const log = createLog({ level: "info", isTerminal: false, destination: { write: (line) => void said.push(line) } });
    const fields = {
      event: "request",
      rpc: "a/B",
      reason: null,
      duration_ms: 3,
      peer: "[::1]:5",
      subject: 'x\u009b"\\',
    };
    log.frequent(fields);
    log.info(fields);
    const [frequent, info] = said.map((line) => line.replace(/"time":"[^"]+"/, ""));
    expect(frequent).toBe(info);
  });

  it("is not said above its level", () => {
    const said: string[] = [];
    createLog({ level: "warn", destination: { write: (line) => void said.push(line) } }).frequent({ event: "request" });
    expect(said).toEqual([]);
  });

  it.each([true, false])(
    "tells of the worker, where there are several, as any other line does (terminal: %s)",
    (isTerminal) => {
      const said: string[] = [];
      const destination = { write: (line: string) => void said.push(line) };
      const log = createLog({ level: "info", worker: 7, isTerminal, destination });
      log.frequent({ event: "request" });
      log.info({ event: "request" });
      const [frequent, info] = said.map((line) => line.replace(/"time":"[^"]+"|\[[\d:.]+\]/, ""));
      expect(frequent).toBe(info);
      expect(withoutColours(info ?? "").text).toMatch(/"?worker"?: ?7/);
    },
  );
});
