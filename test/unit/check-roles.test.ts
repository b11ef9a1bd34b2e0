import { describe, expect, it } from "vitest";
import { createRoleTable } from "../../src/check/role-table.ts";
import { createServiceTable } from "../../src/check/service-table.ts";
import { sha256 } from "../../src/lib/sha256.ts";

describe("The role table", () => {
  it("knows no role at first, and grants nothing to those who carry one", () => {
    const table = createRoleTable();
    expect(table.has("admin")).toBe(false);
    expect(table.grants(["admin", "user"], "orders:read")).toBe(false);
    expect(table.grants([], "orders:read")).toBe(false);
  });

  it("grants what any one of the roles grants", () => {
    const table = createRoleTable();
    table.set("clerk", ["orders:read"]);
    table.set("boss", ["billing:*"]);
    expect(table.grants(["clerk", "boss"], "billing:pay")).toBe(true);
    expect(table.grants(["clerk"], "billing:pay")).toBe(false);
    expect(table.grants(["unknown", "clerk"], "orders:read")).toBe(true);
  });

  it("knows a role that grants nothing", () => {
    const table = createRoleTable();
    table.set("guest", []);
    expect(table.has("guest")).toBe(true);
    expect(table.grants(["guest"], "orders:read")).toBe(false);
  });

  it("replaces what a role granted, adding nothing up", () => {
    const table = createRoleTable();
    table.set("clerk", ["orders:read"]);
    table.set("clerk", ["orders:write"]);
    expect(table.grants(["clerk"], "orders:read")).toBe(false);
    expect(table.grants(["clerk"], "orders:write")).toBe(true);
  });

  it("forgets a deleted role, and all roles when it is cleared", () => {
    const table = createRoleTable();
    table.set("clerk", ["*"]);
    table.set("boss", ["*"]);
    table.delete("clerk");
    expect([table.has("clerk"), table.grants(["clerk"], "a")]).toEqual([false, false]);
    table.clear();
    expect([table.has("boss"), table.grants(["boss"], "a")]).toEqual([false, false]);
  });

  it("takes names of JavaScript's own for what they are: unknown", () => {
    const table = createRoleTable();
    for (const name of ["__proto__", "constructor", "toString", ""]) {
      expect([table.has(name), table.grants([name], "a")]).toEqual([false, false]);
    }
  });
});

describe("The service table", () => {
  const service = { serviceId: "svc_1", name: "orders", permissions: ["feed:watch"] };

  it("finds a service by its API key alone", () => {
    const table = createServiceTable();
    table.replace([[sha256("key"), service]]);
    expect(table.find("key")).toEqual(service);
    for (const other of ["", "kez", "key ", sha256("key"), "svc_1", "orders"]) expect(table.find(other)).toBeNull();
  });

  it("forgets whoever is not among those that replace it", () => {
    const table = createServiceTable();
    table.replace([[sha256("key"), service]]);
    table.replace([]);
    expect(table.find("key")).toBeNull();
  });
});
