/** That the help teaches: every command has examples, and they do what they say. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Command, CommanderError } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../../src/main.ts";
import { SETTINGS } from "../../src/settings.ts";
import { listKeys } from "../../src/store/queries/keys.ts";
import { temporaryFolder } from "../support/app.ts";
import { buildDescriptorSet, SHOP } from "../support/descriptor-set.ts";
import { addUser, workOn } from "../support/folder.ts";
import { complaintsOf } from "../support/installation.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import {
  commandEnvironment,
  ENTRY,
  runCommand,
  type ServerProcess,
  startServerProcess,
} from "../support/server-process.ts";

const MASTER_KEYS = { OLD: Buffer.alloc(32, 1).toString("base64url"), NEW: Buffer.alloc(32, 2).toString("base64url") };

/** The command itself and all below it, each with the words that call it. */
function allCommands(command: Command, words: readonly string[] = []): readonly (readonly [string, Command])[] {
  return [[words.join(" "), command], ...command.commands.flatMap((sub) => allCommands(sub, [...words, sub.name()]))];
}

function helpOf(command: Command): string {
  let text = "";
  const writeOut = (part: string) => {
    text += part;
  };
  command.configureOutput({ writeOut }).outputHelp();
  return text;
}

/** The examples in a help, less what they do. */
const examplesIn = (help: string) =>
  [...(/\nExamples:\n([\s\S]*?)\n(\n|$)/.exec(help)?.[1] ?? "").matchAll(/^ {2}(\S.*)\n {6}\S/gm)].map(
    ([, line]) => line ?? "",
  );

const commands = allCommands(createProgram({ servesByDefault: false }));
const examples = [...new Set(commands.flatMap(([, command]) => examplesIn(helpOf(command))))];

/** A newcomer's folder, with what the examples take for granted, and `sallyport` on the path. */
let folder: string;
/** Where an example asks a server that runs. */
let server: ServerProcess;
/** Where an example speaks of PostgreSQL. */
let place: TestPlace | null = null;
const dataDir = () => join(folder, "data");
const shell = () => ({
  ...commandEnvironment({ SALLYPORT_DATA_DIR: dataDir(), SALLYPORT_MASTER_KEY: MASTER_KEYS.OLD }),
  ...(place !== null && { SALLYPORT_DATABASE_URL: place.url }),
  ...MASTER_KEYS,
  PATH: [join(folder, "bin"), process.env.PATH].join(delimiter),
});

beforeAll(async () => {
  folder = temporaryFolder();
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/sallyport"), `#!/bin/sh\nexec "${process.execPath}" "${ENTRY}" "$@"\n`);
  chmodSync(join(folder, "bin/sallyport"), 0o755);
  writeFileSync(join(folder, "password.txt"), "kites over the harbour\n");
  writeFileSync(join(folder, "orders.key"), "sallyport_svk_of-orders\n");
  buildDescriptorSet(folder, { "shop/v1/shop.proto": SHOP });
  server = await startServerProcess({ SALLYPORT_DATA_DIR: join(folder, "server") });
});
afterAll(async () => {
  await server.end("SIGTERM");
  rmSync(folder, { recursive: true });
});

/** A fresh database with the people and services that examples speak of, or without those that they make. */
async function prepare(example: string): Promise<void> {
  rmSync(dataDir(), { recursive: true, force: true });
  const settings = { SALLYPORT_MASTER_KEY: MASTER_KEYS.OLD };
  await addUser(dataDir(), "root", ["admin"], settings);
  if (example.includes(" users create ")) return;
  const grace = { username: "grace", password: "kites over the harbour", email: "grace@example.com", roles: ["user"] };
  await workOn(dataDir(), (core) => core.createUser(grace), settings);
  if (example.includes(" services create ")) return;
  await workOn(dataDir(), ({ services }) => services.create("orders", [], null), settings);
  if (example.includes(" db ")) await prepareCopy(example);
}

/** An empty database on PostgreSQL; where an example speaks of a copy, the copy, or what is left of it. */
async function prepareCopy(example: string): Promise<void> {
  place = await makePlace();
  if (example.includes("--to postgres")) return;
  const copied = await runCommand(["db", "copy", "--from", dataDir(), "--to", "postgres"], shell());
  expect(copied, copied.stderr).toMatchObject({ code: 0 });
  if (example.includes("--from postgres")) rmSync(dataDir(), { recursive: true });
  if (/ unseal \S+$/.test(example)) {
    await place.ask(
      "do $$ declare place text := current_schema(); begin execute 'drop schema ' || place || ' cascade'; execute 'create schema ' || place; end $$",
    );
  }
}

afterEach(async () => {
  await place?.remove();
  place = null;
});

/** The example as it can be tried here: on a folder of ours and a free port, with a key that exists. */
async function fitted(example: string): Promise<string> {
  if (example.includes(" db ")) return example;
  const rows = await workOn(dataDir(), ({ store }) => store.read(listKeys), { SALLYPORT_MASTER_KEY: MASTER_KEYS.OLD });
  const kid = rows.find(({ use }) => use === "access")?.kid ?? "";
  return example
    .replace("/var/lib/sallyport", dataDir())
    .replace("SALLYPORT_PORT=9090", "SALLYPORT_PORT=0")
    .replace("http://127.0.0.1:8080", server.url)
    .replace(/(?<=keys withdraw )\S+/, kid);
}

/** Types a line into a shell; a server is stopped once it listens. */
async function type(line: string) {
  const child = spawn("bash", ["-c", `exec env ${line}`], { cwd: folder, env: shell(), stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
    if (/ listening on /.test(text)) child.kill("SIGTERM");
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  // Most read nothing, and may be gone already.
  child.stdin.on("error", () => {}).end("kites over the harbour\n");
  const [code] = await once(child, "close");
  return { code: Number(code), stdout, stderr };
}

describe("The help", () => {
  it("of every command says in a line what it is for, and shows how it is used", () => {
    for (const [words, command] of commands) {
      expect(command.description(), words).toMatch(/^\S.{10,160}$/);
      expect(examplesIn(helpOf(command)), words).not.toEqual([]);
      for (const example of examplesIn(helpOf(command))) expect(example).toContain(`sallyport ${words}`);
      for (const argument of command.registeredArguments) expect(argument.description, words).not.toBe("");
    }
  });

  it("on top tells where settings come from and what the exit codes mean; that of serve, every setting", async () => {
    const [top, serve] = await Promise.all([runCommand(["--help"], {}), runCommand(["serve", "--help"], {})]);
    expect([top.code, top.stderr, serve.code, serve.stderr]).toEqual([0, "", 0, ""]);
    expect(top.stdout).toContain("Settings are environment variables");
    for (const code of [0, 1, 2, 69]) expect(top.stdout).toMatch(new RegExp(`^  ${code} +\\S`, "m"));
    for (const [name, { default: standard }] of Object.entries(SETTINGS)) {
      expect(serve.stdout).toContain(`\n  ${name}=${standard}\n      `);
    }
  });

  it.each(examples)("gives an example that works: %s", async (example) => {
    await prepare(example);
    const line = await fitted(example);
    const { code, stdout, stderr } = await type(line);
    // A key that is minutes old is not rotated to; the refusal says how to do so all the same.
    if (example === "sallyport keys rotate") {
      expect([code, stderr]).toEqual([1, expect.stringContaining("sallyport keys rotate --now")]);
      return;
    }
    expect(code, stdout + stderr).toBe(0);
    const files = [...line.matchAll(/> (\S+)$/g)].map(([, file]) => join(folder, file ?? ""));
    for (const file of files) expect(readFileSync(file, "utf8")).toMatch(/^sallyport_svk_/);
  });
});

describe("A command line that is mistaken", () => {
  it.each([
    [["srve"], "(Did you mean serve?)"],
    [["user", "list"], "(Did you mean users?)"],
    [["keys", "rotat"], "(Did you mean rotate?)"],
    [["users", "list", "--jsn"], "(Did you mean --json?)"],
    [["serve", "now"], "too many arguments"],
    [["serve", "--port", "8080"], "unknown option '--port'"],
    [["users"], "Usage: sallyport users"],
    [["nonsense-of-another-kind"], "unknown command 'nonsense-of-another-kind'"],
  ])("is told so, with a suggestion where there is one, and exit code 2: %j", async (args, said) => {
    const [complaint] = complaintsOf(2, [await runCommand(args, { SALLYPORT_DATA_DIR: join(folder, "never-made") })]);
    expect(complaint).toContain(said);
    expect(existsSync(join(folder, "never-made"))).toBe(false);
  });

  it("is not, where what begins with a dash stands behind two", async () => {
    await prepare("sallyport users create");
    const run = (...args: string[]) => runCommand(args, shell(), "kites over the harbour\n");
    expect(await run("users", "create", "--", "-ada")).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse((await run("users", "show", "--", "-ada")).stdout)).toMatchObject({ username: "-ada" });
    expect((await run("users", "show", "-ada")).code).toBe(2);
  });
});

it("Commander ends no process of its own", async () => {
  const program = createProgram({ servesByDefault: false }).configureOutput({ writeErr: () => {} });
  await expect(program.parseAsync(["node", "sallyport", "srve"])).rejects.toThrow(CommanderError);
});
