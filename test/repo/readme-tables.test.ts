import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withTables } from "../../scripts/tables.ts";

it("The README's tables of settings and errors are what the code says; `npm run docs` writes them", () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  expect(withTables(readme)).toBe(readme);
});
