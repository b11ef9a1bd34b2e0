/** That nothing of what others wrote is forgotten in silence. */
import { globSync } from "node:fs";
import { expect, inject, it } from "vitest";
import { FOREIGN_CLIENTS, type Missing } from "./support/clients.ts";

declare module "vitest" {
  interface ProvidedContext {
    missing: readonly Missing[];
  }
}

it("Every file of tests belongs to a client that is looked for on the machine", () => {
  const files = globSync("*.test.ts", { cwd: import.meta.dirname }).filter((file) => file !== "machine.test.ts");
  expect(files.sort()).toEqual(FOREIGN_CLIENTS.map(({ file }) => file).sort());
});

it("A client that is not run is named, with what it lacks", () => {
  const missing = inject("missing");
  expect(FOREIGN_CLIENTS.map(({ name }) => name)).toEqual(expect.arrayContaining(missing.map(({ name }) => name)));
  for (const { why } of missing) expect(why).toMatch(/here/);
});

it("Where the environment says that all clients are here, none is missing", () => {
  // For a machine that is set up for this: a failed download must not pass for a program that nobody installed.
  const tolerated = process.env.SALLYPORT_TEST_FOREIGN === "all" ? [] : inject("missing");
  expect(inject("missing")).toEqual(tolerated);
});
