import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let root: Person;
/** Makes credentials, and holds little to give away. */
let manager: Person;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  await root.admin.setRole({ name: "manager", permissions: ["services:*", "users:read", "orders:*"] });
  const userId = await signUp(app, "manager");
  await root.admin.setUserRoles({ userId, roles: ["manager"] });
  manager = await logIn(app, "manager");
});
afterAll(() => app.close());

describe("CreateService", () => {
  it("tells an API key that works at once, and keeps no more of it than a hash", async () => {
    const made = await manager.admin.createService({ name: "reports", permissions: ["users:read"] });
    expect(made.service).toMatchObject({ name: "reports", permissions: ["users:read"] });
    expect(made.apiKey).toMatch(/^sallyport_svk_[\w-]{43}$/);
    const { users } = await clientsOf(app.url, made.apiKey).admin.listUsers({});
    expect(users.map(({ username }) => username)).toContain("manager");
    const secret = made.apiKey.slice("sallyport_svk_".length);
    for (const file of readdirSync(app.dataDir)) {
      expect(readFileSync(join(app.dataDir, file)).includes(secret)).toBe(false);
    }
    expect(app.logText()).not.toContain(secret);
  });

  it.each([[["*"]], [["users:write"]], [["users:*"]], [["users:read", "keys:write"]]])(
    "gives away nothing that the caller does not hold: %j",
    async (permissions) => {
      const refusal = await refusalOf(manager.admin.createService({ name: "greedy", permissions }));
      expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "PRIVILEGE_ESCALATION" });
      const { services } = await manager.admin.listServices({});
      expect(services.map(({ name }) => name)).not.toContain("greedy");
    },
  );

  it("gives what a prefix of the caller's covers, and to services no more than to people", async () => {
    const { apiKey } = await manager.admin.createService({
      name: "shop",
      permissions: ["orders:eu:*", "services:write"],
    });
    const shop = clientsOf(app.url, apiKey);
    await shop.admin.createService({ name: "stall", permissions: ["orders:eu:read"] });
    const greedy = shop.admin.createService({ name: "grabber", permissions: ["orders:us:read"] });
    expect((await refusalOf(greedy)).reason).toBe("PRIVILEGE_ESCALATION");
  });

  it.each([
    ["a name in use", { name: "taken" }, "SERVICE_NAME_TAKEN"],
    ["a name in capitals", { name: "Taken" }, "REQUEST_INVALID"],
    ["no name", { name: "" }, "REQUEST_INVALID"],
    ["what is no permission", { permissions: ["users read"] }, "REQUEST_INVALID"],
    ["a permission twice", { permissions: ["users:read", "users:read"] }, "REQUEST_INVALID"],
  ])("is refused for %s", async (what, change, reason) => {
    await root.admin.createService({ name: "taken" }).catch(() => null);
    const call = root.admin.createService({ name: "unmade", permissions: [], ...change });
    expect([what, (await refusalOf(call)).reason]).toEqual([what, reason]);
  });
});

describe("ListServices", () => {
  it("shows credentials page by page with their last use, without keys and without those that are over", async () => {
    const other = await startApp();
    try {
      const { admin } = await welcomeAdmin(other);
      const keys: string[] = [];
      for (const name of ["beta", "alpha", "gamma"]) keys.push((await admin.createService({ name })).apiKey);
      await admin.revokeService({ name: "gamma" });
      await refusalOf(clientsOf(other.url, keys[1]).admin.listUsers({}));
      const page = await admin.listServices({ pageSize: 1 });
      const rest = await admin.listServices({ pageSize: 1, pageToken: page.nextPageToken });
      const names = [...page.services, ...rest.services].map(({ name }) => name);
      expect([names, rest.nextPageToken]).toEqual([["alpha", "beta"], ""]);
      expect(page.services[0]?.createTime).toBeDefined();
      expect(rest.services[0]?.lastUseTime).toBeUndefined();
    } finally {
      await other.close();
    }
  });
});

describe("RevokeService", () => {
  it("ends a credential at once and for good, even for one that holds more than the caller", async () => {
    const { apiKey } = await root.admin.createService({ name: "mighty", permissions: ["*"] });
    const mighty = clientsOf(app.url, apiKey);
    await mighty.admin.listUsers({});
    const { revision } = await manager.admin.revokeService({ name: "mighty" });
    expect(revision?.number).toBeGreaterThan(0n);
    expect((await refusalOf(mighty.admin.listUsers({}))).reason).toBe("TOKEN_INVALID");
    const again = await root.admin.createService({ name: "mighty" });
    expect(again.apiKey).not.toBe(apiKey);
    expect((await refusalOf(mighty.admin.listUsers({}))).reason).toBe("TOKEN_INVALID");
  });

  it("is refused for a service that is not there, or is over", async () => {
    for (const name of ["nosuch", "nosuch"]) {
      const refusal = await refusalOf(manager.admin.revokeService({ name }));
      expect(refusal).toMatchObject({ code: "NotFound", reason: "SERVICE_NOT_FOUND" });
    }
  });
});
