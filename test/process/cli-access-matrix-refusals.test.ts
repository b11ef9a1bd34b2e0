/** What `sallyport access-matrix` refuses, and what it says to do. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { runHere } from "../support/command-here.ts";
import { concurrently } from "../support/concurrently.ts";
import { buildDescriptorSet, SHOP, shopProto } from "../support/descriptor-set.ts";
import { complaintsOf } from "../support/installation.ts";
import { runCommand } from "../support/server-process.ts";

let folder: string;
/** A descriptor set that is fine. */
let shop: string;
beforeAll(() => {
  folder = temporaryFolder();
  shop = buildDescriptorSet(folder, { "shop/v1/shop.proto": SHOP });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder that no command may make. */
const dataDir = () => join(folder, "never-made");
const matrix = (...args: readonly string[]) => runHere(["access-matrix", ...args], { SALLYPORT_DATA_DIR: dataDir() });

describe("What is no descriptor set", () => {
  it.each([
    ["text", 'syntax = "proto3";\n'],
    ["JSON", '{"file": []}'],
    ["nothing", ""],
    ["zeroes", "\0".repeat(64)],
    ["half a set", null],
  ])("is refused with what to do, and exit code 2: %s", async (_what, content) => {
    const file = join(folder, "strange.binpb");
    const whole = readFileSync(shop);
    writeFileSync(file, content ?? whole.subarray(0, whole.length - 3));
    const [complaint] = complaintsOf(2, [await matrix("--descriptors", file)]);
    const advice = "make one: buf build -o x.binpb, or protoc -o x.binpb";
    expect(complaint).toBe(`sallyport: ${file} is no descriptor set; ${advice}\n`);
  });

  it("nor is a file that is not there, a folder, or a set without a service", async () => {
    const none = join(folder, "none.binpb");
    const own = mkdtempSync(join(folder, "empty-"));
    const empty = buildDescriptorSet(own, { "shop/v1/messages.proto": shopProto("message Nothing {}") });
    const refused = await Promise.all([none, folder, empty].map((file) => matrix("--descriptors", file)));
    expect(complaintsOf(2, refused)).toEqual([
      `sallyport: ${none} cannot be read: there is no such file; make it: buf build -o x.binpb\n`,
      `sallyport: ${folder} cannot be read: it is a folder; name a file, as buf build -o x.binpb writes it\n`,
      `sallyport: there is no service in ${empty}\n`,
    ]);
  });
});

describe("A mistaken command line", () => {
  it.each([
    [["--roles", "Clerk"], "name roles as they are, separated by commas: clerk,owner"],
    [["--roles", ""], "name roles as they are"],
    [["--format", "yaml"], "Allowed choices are text, markdown, json"],
    [["--json", "--format", "text"], "option '--json' cannot be used with option '--format <format>'"],
    [["--descriptors", "a", "--reflection", "http://127.0.0.1:1"], "cannot be used with option '--reflection <url>'"],
    [["--timeout", "soon"], "give a number of seconds up to 600"],
    [["--timeout", "0"], "give a number of seconds up to 600"],
    [["shop.binpb"], "too many arguments"],
    [["--api-key-stdin"], "--api-key-stdin goes with --reflection"],
    [["--service", "shop.v1.Nothing"], "there is no service or package shop.v1.Nothing"],
  ])("is refused with exit code 2: %j", async (args, said) => {
    const [complaint] = complaintsOf(2, [await matrix(...args)]);
    expect(complaint).toContain(said);
  });

  it("is one that wants the roles of a database where there is none; it makes none", async () => {
    const [complaint] = complaintsOf(1, [await matrix("--database")]);
    expect(complaint).toContain(`there is no database in ${dataDir()}`);
    expect(existsSync(dataDir())).toBe(false);
  });

  it("ends the process with its exit code, as do files and databases that are none", async () => {
    const settings = { SALLYPORT_DATA_DIR: dataDir() };
    const ran = await concurrently(2, [["--timeout", "0"], ["--descriptors", folder], ["--database"]], (args) =>
      runCommand(["access-matrix", ...args], settings),
    );
    expect(ran.map(({ code, stdout }) => [code, stdout])).toEqual([
      [2, ""],
      [2, ""],
      [1, ""],
    ]);
    expect(ran.every(({ stderr }) => /^(sallyport|error): /.test(stderr))).toBe(true);
  });
});
