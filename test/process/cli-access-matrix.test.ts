/** `sallyport access-matrix` on descriptor sets, as buf builds them, and on Sallyport itself. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVED } from "../../src/app.ts";
import { temporaryFolder } from "../support/app.ts";
import { runHere } from "../support/command-here.ts";
import { buildDescriptorSet, SHOP, shopProto } from "../support/descriptor-set.ts";
import { workOn } from "../support/folder.ts";
import { jsonLines } from "../support/installation.ts";
import { runCommand } from "../support/server-process.ts";

let folder: string;
/** The descriptor set of {@link SHOP}. */
let shop: string;
beforeAll(() => {
  folder = temporaryFolder();
  shop = buildDescriptorSet(folder, { "shop/v1/shop.proto": SHOP });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder that no command may make. */
const dataDir = () => join(folder, "never-made");
const matrixIn = (data: string, ...args: readonly string[]) =>
  runHere(["access-matrix", ...args], { SALLYPORT_DATA_DIR: data });
const matrix = (...args: readonly string[]) => matrixIn(dataDir(), ...args);

/** A set of other services of the shop's, in a folder of its own. */
function setOf(services: string, flags: readonly string[] = []): string {
  const own = join(folder, crypto.randomUUID());
  mkdirSync(own);
  return buildDescriptorSet(own, { "shop/v1/other.proto": shopProto(services) }, flags);
}

/** What the command writes, where all is well. */
async function written(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await matrix(...args);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}

const SHOP_TEXT = `\
rpc                                  who may call                                                                freshness  admin  user  clerk  owner
shop.v1.Shop.Browse                  anyone                                                                      -          yes    yes   yes    yes
shop.v1.Shop.Buy                     any signed-in user                                                          local      yes    yes   yes    yes
shop.v1.Shop.Refund                  role clerk or owner; permission orders:refund; password given within 5 min  remote     no     no    ?      ?
shop.v1.Shop.Follow (server stream)  any signed-in user                                                          local      yes    yes   yes    yes
shop.v1.Shop.Upload (client stream)  role owner                                                                  local      no     no    no     yes
shop.v1.Stock.Sync (bidi stream)     permission stock:read and stock:write                                       local      yes    no    ?      ?

yes: to hold this role alone is enough, for a user who is signed in (and gave the password within the time stated)
?: that depends on what the role grants, of which only the name was given
`;

const SHOP_MARKDOWN = `\
| rpc | who may call | freshness | admin | user | clerk | owner |
| --- | --- | --- | --- | --- | --- | --- |
| shop.v1.Shop.Browse | anyone | - | yes | yes | yes | yes |
| shop.v1.Shop.Buy | any signed-in user | local | yes | yes | yes | yes |
| shop.v1.Shop.Refund | role clerk or owner; permission orders:refund; password given within 5 min | remote | no | no | ? | ? |
| shop.v1.Shop.Follow (server stream) | any signed-in user | local | yes | yes | yes | yes |
| shop.v1.Shop.Upload (client stream) | role owner | local | no | no | no | yes |
| shop.v1.Stock.Sync (bidi stream) | permission stock:read and stock:write | local | yes | no | ? | ? |

yes: to hold this role alone is enough, for a user who is signed in (and gave the password within the time stated)

?: that depends on what the role grants, of which only the name was given
`;

const anyUser = { public: false, anyRole: [], allPermissions: [], maxAuthAgeSeconds: null, freshness: "LOCAL" };
const everybody = { admin: true, user: true, clerk: true, owner: true };
const sound = { infrastructure: false, faults: [] };
const SHOP_ROWS = [
  { rpc: "shop.v1.Shop.Browse", streams: "unary", ...sound, rule: { ...anyUser, public: true }, roles: everybody },
  { rpc: "shop.v1.Shop.Buy", streams: "unary", ...sound, rule: anyUser, roles: everybody },
  {
    rpc: "shop.v1.Shop.Refund",
    streams: "unary",
    ...sound,
    rule: {
      public: false,
      anyRole: ["clerk", "owner"],
      allPermissions: ["orders:refund"],
      maxAuthAgeSeconds: 300,
      freshness: "REMOTE",
    },
    roles: { admin: false, user: false, clerk: null, owner: null },
  },
  { rpc: "shop.v1.Shop.Follow", streams: "server_streaming", ...sound, rule: anyUser, roles: everybody },
  {
    rpc: "shop.v1.Shop.Upload",
    streams: "client_streaming",
    ...sound,
    rule: { ...anyUser, anyRole: ["owner"] },
    roles: { admin: false, user: false, clerk: false, owner: true },
  },
  {
    rpc: "shop.v1.Stock.Sync",
    streams: "bidi_streaming",
    ...sound,
    rule: { ...anyUser, allPermissions: ["stock:read", "stock:write"] },
    roles: { admin: true, user: false, clerk: null, owner: null },
  },
];

describe("The access matrix of a descriptor set", () => {
  it("tells as text, for each method, who may call it, how fresh knowledge must be, and which roles are enough", async () => {
    expect(await written("--descriptors", shop, "--roles", "clerk,owner")).toBe(SHOP_TEXT);
  });

  it("tells the same as Markdown", async () => {
    const options = ["--roles", "clerk", "--roles", "owner,clerk", "--format", "markdown"];
    expect(await written("--descriptors", shop, ...options)).toBe(SHOP_MARKDOWN);
  });

  it.each([["--json"], ["--format", "json"]])("tells the same as JSON, a method a line: %s %s", async (...format) => {
    const options = ["--roles", "clerk,owner", ...format.filter(Boolean)];
    expect(jsonLines(await written("--descriptors", shop, ...options))).toEqual(SHOP_ROWS);
  });

  it("has no need of imports, nor of the marks that buf leaves in an image", async () => {
    for (const flags of [["--exclude-imports"], ["--as-file-descriptor-set"], ["--exclude-source-info"]]) {
      const own = join(folder, crypto.randomUUID());
      mkdirSync(own);
      const set = buildDescriptorSet(own, { "shop/v1/shop.proto": SHOP }, flags);
      expect(await written("--descriptors", set, "--roles", "clerk,owner"), flags.join()).toBe(SHOP_TEXT);
    }
  });

  it("may be narrowed to services, and to those of packages", async () => {
    const rows = async (...names: readonly string[]) =>
      jsonLines(await written("--descriptors", shop, "--json", "--roles", "clerk,owner", "--service", ...names));
    expect(await rows("shop.v1.Stock")).toEqual(SHOP_ROWS.slice(5));
    expect(await rows("shop.v1.Stock", "shop.v1.Shop")).toEqual(SHOP_ROWS);
    expect(await rows("shop")).toEqual(SHOP_ROWS);
    const { code, stderr, stdout } = await matrix("--descriptors", shop, "--service", "shop.v1.Sho");
    expect([code, stdout, stderr]).toEqual([
      2,
      "",
      "sallyport: there is no service or package shop.v1.Sho; there are shop.v1.Shop, shop.v1.Stock\n",
    ]);
  });

  it("takes the roles of the installation, with what they grant, where it is told to", async () => {
    const data = join(folder, "data");
    await workOn(data, async ({ roleDefinitions }) => {
      await roleDefinitions.set("clerk", ["orders:*", "stock:read"], null);
      await roleDefinitions.set("owner", ["*"], null);
    });
    const { code, stdout } = await matrixIn(data, "--descriptors", shop, "--database", "--json");
    expect(code).toBe(0);
    const roles = jsonLines(stdout).map((row) => [Object(row).rpc, Object(row).roles]);
    expect(Object.fromEntries(roles)).toEqual({
      "shop.v1.Shop.Browse": everybody,
      "shop.v1.Shop.Buy": everybody,
      "shop.v1.Shop.Refund": { admin: false, clerk: true, owner: true, user: false },
      "shop.v1.Shop.Follow": everybody,
      "shop.v1.Shop.Upload": { admin: false, clerk: false, owner: true, user: false },
      "shop.v1.Stock.Sync": { admin: true, clerk: false, owner: true, user: false },
    });
    const attic = setOf(`service Attic {
      rpc Haunt(Empty) returns (Empty) { option (sallyport.access.v1.rule) = {any_role: "ghost"}; }
    }`);
    const [unknown, named] = await Promise.all([
      matrixIn(data, "--descriptors", attic, "--database"),
      matrixIn(data, "--descriptors", attic, "--database", "--roles", "ghost"),
    ]);
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining("shop.v1.Attic.Haunt names the role ghost, which is not known"),
    ]);
    expect([named.code, named.stderr]).toEqual([0, ""]);
  });
});

describe("Methods that cannot be guarded", () => {
  const TILL = `
service Till {
  rpc Open(Empty) returns (Empty);
  rpc Close(Empty) returns (Empty) { option (sallyport.access.v1.rule) = {any_role: ["clrk", "owner"]}; }
  rpc Count(Empty) returns (Empty) { option (sallyport.access.v1.rule) = {}; }
  rpc Audit(Empty) returns (Empty) { option (sallyport.access.v1.rule) = {any_role: "Boss|"}; }
  rpc Sum(Empty) returns (Empty) { option (sallyport.access.v1.rule) = {public: true}; }
}`;
  const COMPLAINT = `sallyport: 4 of 5 methods cannot be guarded as they stand:
  shop.v1.Till.Open has no access rule
  shop.v1.Till.Close names the role clrk, which is not known
  shop.v1.Till.Count: the access rule is empty
  shop.v1.Till.Audit: any_role has "Boss|", which nobody can hold
  to mend it: state a rule next to the RPC, or a default_rule for its service
  to mend it: name the roles that there are with --roles, or take them by --database
`;

  it("are shown as such, named on standard error, and make the exit code 1", async () => {
    expect(await matrix("--descriptors", setOf(TILL), "--roles", "owner")).toEqual({
      code: 1,
      stderr: COMPLAINT,
      stdout: `\
rpc                 who may call                                                        freshness  admin  user  owner
shop.v1.Till.Open   FAULT: has no access rule                                           -          -      -     -
shop.v1.Till.Close  role clrk or owner; FAULT: names the role clrk, which is not known  local      no     no    yes
shop.v1.Till.Count  FAULT: the access rule is empty                                     -          -      -     -
shop.v1.Till.Audit  FAULT: any_role has "Boss|", which nobody can hold                  -          -      -     -
shop.v1.Till.Sum    anyone                                                              -          yes    yes   yes

yes: to hold this role alone is enough, for a user who is signed in (and gave the password within the time stated)
`,
    });
  });

  it("are so in every format, and break none", async () => {
    const set = setOf(TILL);
    const [markdown, json] = await Promise.all([
      matrix("--descriptors", set, "--roles", "owner", "--format", "markdown"),
      matrix("--descriptors", set, "--roles", "owner", "--json"),
    ]);
    for (const { code, stderr } of [markdown, json]) expect([code, stderr]).toEqual([1, COMPLAINT]);
    expect(markdown.stdout.split("\n")[5]).toBe(
      '| shop.v1.Till.Audit | FAULT: any\\_role has "Boss\\|", which nobody can hold | - | - | - | - |',
    );
    expect(jsonLines(json.stdout)).toMatchObject([
      { rule: null, faults: [{ kind: "no rule", text: "has no access rule" }] },
      { rule: { anyRole: ["clrk", "owner"] }, faults: [{ kind: "unknown role" }] },
      { rule: null, faults: [{ kind: "unfit rule", text: "the access rule is empty" }] },
      { rule: null, faults: [{ kind: "unfit rule" }], roles: { admin: null, user: null, owner: null } },
      { rule: { public: true }, faults: [] },
    ]);
  });

  it("are none of the services that nobody asked for", async () => {
    const services = `${TILL} service Door {
      option (sallyport.access.v1.default_rule) = {public: true};
      rpc Knock(Empty) returns (Empty);
    }`;
    expect((await matrix("--descriptors", setOf(services), "--service", "shop.v1.Door")).code).toBe(0);
  });

  it("know no role but user and admin, where none is named", async () => {
    const { code, stderr } = await matrix("--descriptors", shop);
    expect([code, stderr.split("\n").filter((line) => / names the role /.test(line))]).toEqual([
      1,
      [
        "  shop.v1.Shop.Refund names the role clerk, which is not known",
        "  shop.v1.Shop.Refund names the role owner, which is not known",
        "  shop.v1.Shop.Upload names the role owner, which is not known",
      ],
    ]);
  });
});

it("The access matrix of Sallyport itself needs nothing but the command, and makes nothing", async () => {
  const rows = jsonLines(await written("--json"));
  const methods = SERVED.flatMap(({ typeName, methods }) => methods.map(({ name }) => `${typeName}.${name}`));
  expect(rows.map((row) => Object(row).rpc)).toEqual(methods);
  const infrastructure = rows.filter((row) => Object(row).infrastructure).map((row) => Object(row).rpc);
  expect(infrastructure).toEqual(methods.filter((name) => name.startsWith("grpc.")));
  expect((await written()).split("\n")).toContain("health and reflection of gRPC need no rule: anyone may call them");
  const inProcessOfItsOwn = await runCommand(["access-matrix", "--json"], { SALLYPORT_DATA_DIR: dataDir() });
  expect(inProcessOfItsOwn).toMatchObject({ code: 0, stderr: "" });
  expect(jsonLines(inProcessOfItsOwn.stdout)).toEqual(rows);
  expect(existsSync(dataDir())).toBe(false);
});

it("An access matrix with a fault ends the process with exit code 1, and is all there", async () => {
  const args = ["access-matrix", "--descriptors", shop];
  const ran = await runCommand(args, { SALLYPORT_DATA_DIR: dataDir() });
  expect(ran).toEqual(await runHere(args, { SALLYPORT_DATA_DIR: dataDir() }));
  expect(ran.code).toBe(1);
});
