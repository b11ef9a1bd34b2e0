/** A Python service over grpcio, by examples/python-service. */
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeDelegating } from "./support/delegating-suite.ts";
import { PYTHON_SOURCES, pythonEnvironment } from "./support/python.ts";
import { ROOT } from "./support/workshop.ts";

describeDelegating({
  name: "A Python service that delegates",
  example: "python-service",
  prepare: (folder) => symlinkSync(pythonEnvironment(), join(folder, "venv")),
  needless: /pip install/,
  command: ["venv/bin/python", "main.py"],
});

it("The Python service needs no other packages than its tests install", () => {
  const linesOf = (folder: string) => readFileSync(join(folder, "requirements.txt"), "utf8").trim().split("\n");
  const wanted = linesOf(join(ROOT, "examples/python-service"));
  expect(wanted.length).toBeGreaterThan(3);
  expect(linesOf(PYTHON_SOURCES)).toEqual(expect.arrayContaining(wanted));
});
