/** `sallyport services create|list|revoke`, beside a server that obeys. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../src/lib/sha256.ts";
import { clientsOf } from "../support/clients.ts";
import { complaintsOf, type Installation, jsonLines, startInstallation } from "../support/installation.ts";
import { expectObeyed } from "../support/obeyed.ts";
import { refusalOf } from "../support/refusals.ts";
import { startServerProcess } from "../support/server-process.ts";

let here: Installation;
beforeAll(async () => {
  here = await startInstallation({ SALLYPORT_AUTHORIZE_CALLERS: "services" });
});
afterAll(() => here.close());

/** Makes a credential; its key, and the moment at which that was told. */
async function create(name: string, ...permissions: readonly string[]) {
  const options = permissions.length > 0 ? ["--permission", ...permissions] : [];
  const { at, stdout } = await here.order(["services", "create", name, ...options]);
  return { at, apiKey: stdout.trimEnd(), stdout };
}

/** Whether the server takes the key for a service's. */
async function isKnown(apiKey: string): Promise<boolean> {
  const call = clientsOf(here.url, apiKey).auth.authorize({ accessToken: "made.up.token" });
  return call.then(
    () => true,
    () => false,
  );
}

/** Every byte in the data folder: the database, and its log of what is not in it yet. */
function storedBytes(): Buffer {
  return Buffer.concat(readdirSync(here.folder).map((file) => readFileSync(join(here.folder, file))));
}

describe("services create", () => {
  it("prints the key and nothing else, which a running server takes within half a second", async () => {
    const { at, apiKey, stdout } = await create("orders", "users:read");
    await expectObeyed(at, () => isKnown(apiKey));
    expect(stdout).toMatch(/^sallyport_svk_[\w-]{43}\n$/);
    const { users } = await clientsOf(here.url, apiKey).admin.listUsers({});
    expect(users.map(({ username }) => username)).toEqual(["root"]);
    const refusal = await refusalOf(clientsOf(here.url, apiKey).admin.listRoles({}));
    expect(refusal.reason).toBe("PERMISSION_MISSING");
  });

  it("keeps the hash of the key alone: it is nowhere in the files, the log or the list", async () => {
    const { apiKey } = await create("hidden");
    await refusalOf(clientsOf(here.url, apiKey).admin.listUsers({}));
    const [plain, json] = await Promise.all([here.run(["services", "list"]), here.run(["services", "list", "--json"])]);
    const bytes = storedBytes();
    expect(bytes.includes(sha256(apiKey))).toBe(true);
    const secret = apiKey.slice("sallyport_svk_".length);
    expect(bytes.includes(secret)).toBe(false);
    expect(bytes.includes(Buffer.from(secret, "base64url"))).toBe(false);
    const { stdout, stderr } = here.server.output();
    expect([stdout, stderr, plain.stdout, json.stdout].join("")).not.toContain(secret);
    for (const list of [plain, json]) expect(list.stdout).not.toContain(sha256(apiKey));
  });

  it("refuses a name that is taken, which goes on with its own key", async () => {
    const { at, apiKey } = await create("taken");
    expect(complaintsOf(1, [await here.run(["services", "create", "taken"])])).toEqual([
      "sallyport: a service of this name exists; revoke it first\n",
    ]);
    await expectObeyed(at + 5_000, () => isKnown(apiKey));
  });

  it("refuses, as a mistake on the command line, names and permissions that are none", async () => {
    const names = ["Orders", "0rders", "or ders", "-x", "", "a".repeat(65)];
    const grants = ["users read", "Users:Read", ":", "*:read", "users:"];
    const refused = await Promise.all([
      ...names.map((name) => here.run(["services", "create", name])),
      ...grants.map((grant) => here.run(["services", "create", "bad-grants", "--permission", "orders:read", grant])),
      here.run(["services", "create"]),
      here.run(["services", "create", "one", "two"]),
    ]);
    for (const said of complaintsOf(2, refused)) expect(said).toMatch(/^error: .+\n/);
    const { stdout } = await here.run(["services", "list", "--json"]);
    expect(stdout).not.toContain("bad-grants");
  });
});

describe("services list", () => {
  it("names each live service, what it may do, when it was made and when it was last used", async () => {
    const { stdout } = await here.run(["services", "list", "--json"]);
    expect(jsonLines(stdout)).toContainEqual({
      id: expect.stringMatching(/^svc_/),
      name: "orders",
      permissions: ["users:read"],
      created: expect.stringMatching(/Z$/),
      lastUsed: null,
    });
    const plain = (await here.run(["services", "list"])).stdout;
    expect(plain).toMatch(/^svc_\S+ {2}orders {2}users:read {2}\S+Z {2}never$/m);
    expect(plain).toMatch(/^svc_\S+ {2}taken {2}- {2}\S+Z {2}never$/m);
  });

  it("tells the last use once the server has written it: every minute, and when it ends", async () => {
    const settings = { SALLYPORT_DATA_DIR: here.folder, SALLYPORT_AUTHORIZE_CALLERS: "services" };
    const { apiKey } = await create("used");
    const second = await startServerProcess(settings);
    const before = Date.now();
    await clientsOf(second.url, apiKey).auth.authorize({ accessToken: "made.up.token" });
    await second.end("SIGTERM");
    const rows = jsonLines((await here.run(["services", "list", "--json"])).stdout);
    const used = rows.find((row) => JSON.stringify(row).includes('"name":"used"'));
    expect(used).toMatchObject({ lastUsed: expect.stringMatching(/Z$/) });
    const { lastUsed } = Object(used);
    expect(Date.parse(lastUsed)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(lastUsed)).toBeLessThanOrEqual(Date.now());
  });
});

describe("services revoke", () => {
  it("is obeyed within half a second, for good, whatever service takes the name next", async () => {
    const { at: made, apiKey } = await create("fleeting", "*");
    await expectObeyed(made, () => isKnown(apiKey));
    const { at, stdout } = await here.order(["services", "revoke", "fleeting"]);
    await expectObeyed(at, async () => !(await isKnown(apiKey)));
    expect(stdout).toMatch(/^revoked fleeting as of revision \d+\n$/);
    const refusal = await refusalOf(clientsOf(here.url, apiKey).admin.listUsers({}));
    expect(refusal).toMatchObject({ code: "Unauthenticated", reason: "TOKEN_INVALID" });
    const next = await create("fleeting");
    await expectObeyed(next.at, () => isKnown(next.apiKey));
    expect(await isKnown(apiKey)).toBe(false);
  });

  it("refuses a service that is not there, or is no more", async () => {
    await create("gone");
    await here.order(["services", "revoke", "gone"]);
    const refused = await Promise.all(
      ["gone", "nobody", "ORDERS"].map((name) => here.run(["services", "revoke", name])),
    );
    expect(complaintsOf(1, refused)).toEqual(Array(3).fill("sallyport: there is no such service\n"));
    const [said] = complaintsOf(2, [await here.run(["services", "revoke"])]);
    expect(said).toContain("missing required argument 'name'");
  });
});
