/** docs/interceptors.md: its proto compiles, its programs are type-checked and run as they stand. */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  create,
  createFileRegistry,
  type DescService,
  fromBinary,
  fromJson,
  type JsonObject,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { REASONS } from "../../src/errors.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { buildDescriptorSet } from "../support/descriptor-set.ts";
import { freePort } from "../support/free-port.ts";
import { logIn, signUp, welcomeAdmin } from "../support/people.ts";
import { blocksOf } from "../support/readme.ts";
import { refusalOf } from "../support/refusals.ts";
import { bearing } from "../support/shop-servers.ts";
import { serviceKey } from "../support/watching.ts";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/interceptors.md"), "utf8");
const blocks = blocksOf(page);
const MODULES: Readonly<Record<string, string>> = {
  "sallyport/verifier": join(ROOT, "src/verifier/verifier.ts"),
  "sallyport/verifier/connect": join(ROOT, "src/verifier/connect/guard.ts"),
  "sallyport/verifier/grpc": join(ROOT, "src/verifier/grpc/guard.ts"),
};
const PROGRAMS = ["connect", "grpc", "report"];
const run = promisify(execFile);

let app: TestApp;
let apiKey: string;
let folder: string;
let service: DescService;

beforeAll(async () => {
  app = await startApp();
  apiKey = await serviceKey(await welcomeAdmin(app), "orders");
  await signUp(app, "ada");
  folder = temporaryFolder();
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const proto = blocks.find(({ language }) => language === "proto")?.text ?? "";
  const set = readFileSync(buildDescriptorSet(folder, { "shop/v1/shop.proto": proto }));
  const described = createFileRegistry(fromBinary(FileDescriptorSetSchema, set)).getService("shop.v1.OrderService");
  if (described === undefined) throw new Error("the page's proto has no OrderService");
  service = described;
  const opt = ["target=ts", "import_extension=ts", "erasable_syntax=true"];
  const plugin = { local: join(ROOT, "node_modules/.bin/protoc-gen-es"), out: "gen", opt, include_imports: true };
  const template = JSON.stringify({ version: "v2", plugins: [plugin] });
  const buf = join(ROOT, "node_modules/.bin/buf");
  await run(buf, ["generate", "protos", "--path", "protos/shop", "--template", template], { cwd: folder });
});
afterAll(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

function textOf(note: string): string {
  return blocks.find((block) => block.language === "ts" && block.note === note)?.text ?? "";
}

/** Starts a program of the page; the port that it listens on. */
async function start(note: string): Promise<number> {
  const port = await freePort();
  let text = textOf(note)
    .replace("http://127.0.0.1:8080", app.url)
    .replace(/\b808[12]\b/, String(port));
  for (const [name, file] of Object.entries(MODULES)) text = text.replace(`"${name}"`, JSON.stringify(file));
  mkdirSync(join(folder, "run"), { recursive: true });
  const program = join(folder, `run-${note}.ts`);
  writeFileSync(program, text);
  const child = spawn(process.execPath, [program], { cwd: folder, env: { ...process.env, SALLYPORT_API_KEY: apiKey } });
  onTestFinished(() => void child.kill());
  let said = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => {
        said += data;
        if (said.includes("listening")) resolve();
      });
    child.once("exit", () => reject(new Error(`the program ended: ${said}`)));
  });
  return port;
}

async function call(port: number, name: string, request: JsonObject, token = ""): Promise<unknown> {
  const method = service.methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`there is no ${name}`);
  const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
  const unary = { ...method, methodKind: "unary" } as const;
  const input = fromJson(method.input, request);
  const answer = await transport.unary(
    unary,
    undefined,
    20_000,
    bearing(token).headers,
    create(method.input, input),
    undefined,
  );
  return toJson(method.output, answer.message);
}

describe("The page about interceptors", () => {
  it("has code that its types accept", async () => {
    for (const note of PROGRAMS) {
      expect(textOf(note)).not.toBe("");
      writeFileSync(join(folder, `${note}.ts`), textOf(note));
    }
    const paths = Object.fromEntries(Object.entries(MODULES).map(([name, file]) => [name, [file]]));
    const compilerOptions = {
      ...{
        target: "es2024",
        module: "esnext",
        moduleResolution: "bundler",
        strict: true,
        noEmit: true,
        types: ["node"],
      },
      ...{ allowImportingTsExtensions: true, exactOptionalPropertyTypes: true, skipLibCheck: true, paths },
    };
    const files = PROGRAMS.map((note) => `${note}.ts`);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const checked = run(process.execPath, [join(ROOT, "node_modules/.bin/tsc"), "-p", folder]);
    expect(await checked.catch(({ stdout }) => ({ stdout }))).toMatchObject({ stdout: "" });
  });

  it.each(["connect", "grpc"])("has a server for %s that does as the page says", async (note) => {
    const port = await start(note);
    const { tokens, userId } = await logIn(app, "ada", ["orders"]);
    expect(await call(port, "ListProducts", {})).toEqual({ products: ["a pen"] });
    expect(await call(port, "PlaceOrder", { product: "a pen" }, tokens.accessToken)).toEqual({
      orderId: `a pen for ${userId}`,
    });
    expect(await refusalOf(call(port, "PlaceOrder", {}))).toMatchObject({
      code: "Unauthenticated",
      reason: "TOKEN_MISSING",
      nextStep: "NEXT_STEP_LOG_IN",
    });
    expect(await refusalOf(call(port, "RefundOrder", {}, tokens.accessToken))).toMatchObject({
      code: "PermissionDenied",
      reason: "PERMISSION_MISSING",
      message: "needs the permission orders:refund",
    });
  });

  it("tells of each reason the status and the next step that clients get", () => {
    const rows = page.split("\n").flatMap((line) => {
      const [, status = "", reasons = "", step = ""] = line.split("|").map((cell) => cell.trim());
      return [...reasons.matchAll(/`([A-Z_]+)`/g)].map(([, reason]) => [status.replaceAll("`", ""), reason, step]);
    });
    const told = rows.filter(([, reason]) => reason !== undefined && Object.hasOwn(REASONS, reason));
    const steps: Readonly<Record<string, string>> = {
      LOG_IN: "log in",
      REFRESH: "refresh",
      STEP_UP: "step up: log in again",
    };
    const entries = new Map<string, { code: string; nextStep?: string }>(Object.entries(REASONS));
    for (const [status, reason = "", step] of told) {
      const { code = "", nextStep = "" } = entries.get(reason) ?? {};
      const name = code.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
      expect([reason, status, step]).toEqual([reason, name, steps[nextStep] ?? ""]);
    }
    expect(told.length).toBe(14);
  });
});
