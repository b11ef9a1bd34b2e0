/** What the README shows of an example is what the example has, which tests run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readmeBlocks } from "../support/readme.ts";

const SERVICE = join(import.meta.dirname, "../../examples/connect-service");
const SOURCES = { proto: "proto/orders/v1/orders.proto", ts: "server.ts" };

/** The lines of a text that say something. */
function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

describe("The README", () => {
  it.each(Object.entries(SOURCES))("shows, in %s, lines of the example in their order", (language, file) => {
    const excerpts = readmeBlocks().filter((block) => block.note === "excerpt" && block.language === language);
    const excerpt = excerpts.flatMap(({ text }) => linesOf(text));
    expect(excerpt.length).toBeGreaterThan(6);
    let rest = linesOf(readFileSync(join(SERVICE, file), "utf8"));
    const strange = excerpt.filter((line) => {
      const at = rest.indexOf(line);
      rest = rest.slice(at + 1);
      return at === -1;
    });
    expect(strange).toEqual([]);
  });

  it("has no excerpt of anything else", () => {
    const excerpts = readmeBlocks().filter(({ note }) => note === "excerpt");
    expect(excerpts.map(({ language }) => language)).toEqual(Object.keys(SOURCES));
  });
});
