/** grpc-go and connect-go, over stubs that Go's own plugins make of the proto tree. */
import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { GO_SOURCES, writeGoModule } from "./support/go.ts";
import { run } from "./support/programs.ts";
import { startSlowTarget, startTarget, startTlsTarget, type Target } from "./support/target.ts";

const sources = globSync("*_test.go", { cwd: GO_SOURCES }).map((file) => readFileSync(join(GO_SOURCES, file), "utf8"));
const tests = sources.flatMap((text) => [...text.matchAll(/^func (Test\w+)\(/gm)].map(([, name]) => name ?? ""));

let folder: string;
let targets: readonly Target[] = [];
let output: readonly { readonly Action: string; readonly Test?: string; readonly Output?: string }[] = [];

beforeAll(async () => {
  folder = temporaryFolder();
  await writeGoModule(folder);
  const [target, slow] = await Promise.all([startTarget(), startSlowTarget()]);
  const [tls, mutual] = await Promise.all([startTlsTarget(), startTlsTarget({ mutual: true })]);
  targets = [target, slow, tls, mutual];
  const env = {
    SALLYPORT_TEST_TARGET: target.address,
    SALLYPORT_TEST_SLOW_TARGET: slow.address,
    SALLYPORT_TEST_TLS_TARGET: tls.address,
    SALLYPORT_TEST_TLS_CA: tls.caFile,
    SALLYPORT_TEST_MUTUAL_TARGET: mutual.address,
    SALLYPORT_TEST_MUTUAL_CA: mutual.caFile,
    SALLYPORT_TEST_SERVICE_CERT: mutual.certFile,
    SALLYPORT_TEST_SERVICE_KEY: mutual.keyFile,
  };
  const { stdout, stderr } = await run("go", ["test", "-count=1", "-timeout=2m", "-json", "."], { cwd: folder, env });
  if (!stdout.startsWith("{")) throw new Error(`the Go tests were not run:\n${stdout}${stderr}`);
  output = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
});

afterAll(async () => {
  await Promise.all(targets.map(({ close }) => close()));
  rmSync(folder, { recursive: true });
});

it.each(tests)("Go: %s", (name) => {
  const own = output.filter(({ Test }) => Test?.split("/")[0] === name);
  const said = own.map(({ Output }) => Output ?? "").join("");
  const endings = own.filter(({ Action }) => ["pass", "fail", "skip"].includes(Action));
  expect(endings.length, said).toBeGreaterThan(0);
  expect(
    endings.filter(({ Action }) => Action !== "pass").map(({ Test }) => Test),
    said,
  ).toEqual([]);
});
