/** grpcio and its companions, over stubs that their own protoc makes of the proto tree. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { run } from "./support/programs.ts";
import { PYTHON_SOURCES, pythonWithPackages, writePythonStubs } from "./support/python.ts";
import { startSlowTarget, startTarget, type Target } from "./support/target.ts";

const source = join(PYTHON_SOURCES, "test_sallyport.py");
const tests = [...readFileSync(source, "utf8").matchAll(/^ {4}def (test_\w+)\(/gm)].map(([, name]) => name ?? "");

let stubs: string;
let targets: readonly Target[] = [];
let report = "";

beforeAll(async () => {
  stubs = temporaryFolder();
  await writePythonStubs(stubs);
  const [target, slow] = await Promise.all([startTarget(), startSlowTarget()]);
  targets = [target, slow];
  const env = {
    PYTHONPATH: stubs,
    PYTHONDONTWRITEBYTECODE: "1",
    SALLYPORT_TEST_TARGET: target.address,
    SALLYPORT_TEST_SLOW_TARGET: slow.address,
  };
  const { stdout, stderr } = await run(pythonWithPackages(), [source], { env });
  report = stdout + stderr;
});

afterAll(async () => {
  await Promise.all(targets.map(({ close }) => close()));
  rmSync(stubs, { recursive: true });
});

it("Python: there are tests", () => {
  expect(tests.length).toBeGreaterThan(0);
});

it.each(tests)("Python: %s", (name) => {
  expect(new RegExp(`^${name} .*\\.\\.\\. (\\w+)$`, "m").exec(report)?.[1], report).toBe("ok");
});
