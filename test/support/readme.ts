/** The code blocks of a page for people, and what it takes to compare their output with what it shows. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A fenced block: its language, the word behind it, its text. */
export type Block = { readonly language: string; readonly note: string; readonly text: string };

/** The blocks of the README in their order. */
export function readmeBlocks(): readonly Block[] {
  return blocksOf(readFileSync(join(import.meta.dirname, "../../README.md"), "utf8"));
}

/** The blocks of a page, or of a part of it, in their order. */
export function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(/^```(\w+) ?(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", note = "", text = ""]) => ({
    language,
    note,
    text,
  }));
}

/** A block to run, and the outputs that the page shows behind it. */
export type Step = { readonly block: Block; readonly shown: readonly Block[] };

/** The blocks in which `languages` are run, each with those behind it that show its output. */
export function stepsOf(blocks: readonly Block[], languages: readonly string[]): readonly Step[] {
  const found: { block: Block; shown: Block[] }[] = [];
  for (const block of blocks) {
    if (languages.includes(block.language)) found.push({ block, shown: [] });
    else found.at(-1)?.shown.push(block);
  }
  return found;
}

/** JSON values that stand one after the other in a text. */
export function jsonValues(text: string): readonly unknown[] {
  const values: unknown[] = [];
  let start = 0;
  let depth = 0;
  for (const [index, character] of [...text].entries()) {
    if (character === "{") depth += 1;
    if (character === "}") depth -= 1;
    if (character !== "}" || depth > 0) continue;
    values.push(JSON.parse(text.slice(start, index + 1)));
    start = index + 1;
  }
  return values;
}

/** The same value with what differs from run to run replaced by what kind of thing it is. */
export function withoutAccidents(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replace(/(usr|ses)_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<$1 id>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replace(/"logId":"[\w-]{16}"/g, '"logId":"<log id>"')
    .replace(/"cacheFor":"(10|[789]\.\d+)s"/g, '"cacheFor":"<ten seconds, or a little less>"');
  return JSON.parse(text);
}
