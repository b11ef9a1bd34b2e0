import { describe, expect, it } from "vitest";
import type { Principal } from "../../src/check/decision.ts";
import { createRoleTable } from "../../src/check/role-table.ts";
import { AUTHENTICATED, type Rule, serviceViolationOf, violationOf } from "../../src/check/rule.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const clock = createFakeClock();
const roles = createRoleTable();
roles.set("clerk", ["orders:read", "orders:write"]);
roles.set("auditor", ["orders:read"]);
roles.set("guest", []);

function principal(held: readonly string[], authTime = clock.now()): Principal {
  return {
    userId: "usr_1",
    username: "ada",
    roles: held,
    sessionId: "ses_1",
    authTime,
    expiresAt: clock.now() + 1000,
  };
}

/** What a user with these roles lacks under a rule. */
function violation(rule: Partial<Rule>, held: readonly string[], authTime?: number) {
  return violationOf({ ...AUTHENTICATED, ...rule }, principal(held, authTime), { roles, clock });
}

describe("A rule for users", () => {
  it("that states nothing more is satisfied by anybody who is signed in", () => {
    expect(violation({}, [])).toBeNull();
  });

  it("of any role is satisfied by one of them", () => {
    expect(violation({ anyRole: ["clerk", "auditor"] }, ["guest", "auditor"])).toBeNull();
  });

  it("of any role names the roles to whoever holds none of them", () => {
    expect(violation({ anyRole: ["clerk", "auditor"] }, ["guest"])).toMatchObject({
      reason: "ROLE_MISSING",
      nextStep: "NONE",
      missingRoles: ["clerk", "auditor"],
      missingPermissions: [],
    });
  });

  it("of any role is not satisfied by a role that is gone, though the user carries it", () => {
    expect(violation({ anyRole: ["ghost"] }, ["ghost"])).toMatchObject({ reason: "ROLE_MISSING" });
    expect(violation({ anyRole: ["ghost", "clerk"] }, ["ghost"])).toMatchObject({ reason: "ROLE_MISSING" });
  });

  it("of permissions is satisfied by roles that grant them together", () => {
    expect(violation({ allPermissions: ["orders:read", "orders:write"] }, ["auditor", "clerk"])).toBeNull();
  });

  it("of permissions names those that are missing, and no others", () => {
    expect(violation({ allPermissions: ["orders:read", "orders:write", "users:read"] }, ["auditor"])).toMatchObject({
      reason: "PERMISSION_MISSING",
      nextStep: "NONE",
      missingRoles: [],
      missingPermissions: ["orders:write", "users:read"],
    });
  });

  it("of permissions is not satisfied by a role whose name is the permission", () => {
    expect(violation({ allPermissions: ["clerk"] }, ["clerk"])).toMatchObject({ reason: "PERMISSION_MISSING" });
  });

  it("of both tells of the role first, and of the permissions beside it", () => {
    expect(violation({ anyRole: ["clerk"], allPermissions: ["users:read"] }, ["guest"])).toMatchObject({
      reason: "ROLE_MISSING",
      missingRoles: ["clerk"],
      missingPermissions: ["users:read"],
    });
    expect(violation({ anyRole: ["guest"], allPermissions: ["users:read"] }, ["guest"])).toMatchObject({
      reason: "PERMISSION_MISSING",
      missingRoles: [],
    });
  });

  it("of an age of the password is satisfied up to that age, and not a millisecond longer", () => {
    expect(violation({ maxAuthAgeMs: 60_000 }, [], clock.now() - 60_000)).toBeNull();
    expect(violation({ maxAuthAgeMs: 60_000 }, [], clock.now() - 60_001)).toMatchObject({
      reason: "AUTHENTICATION_TOO_OLD",
      nextStep: "STEP_UP",
    });
    expect(violation({ maxAuthAgeMs: 0 }, [], clock.now() - 1)).toMatchObject({ reason: "AUTHENTICATION_TOO_OLD" });
  });

  it("asks nobody to give the password again who would be refused after that", () => {
    const stale = violation({ maxAuthAgeMs: 1, allPermissions: ["users:read"] }, ["clerk"], 0);
    expect(stale).toMatchObject({ reason: "PERMISSION_MISSING", nextStep: "NONE" });
  });
});

describe("A rule for services", () => {
  const service = { serviceId: "svc_1", name: "orders", permissions: ["feed:watch", "orders:*"] };
  const serviceViolation = (rule: Partial<Rule>) => serviceViolationOf({ ...AUTHENTICATED, ...rule }, service);

  it("is satisfied by every permission that it names", () => {
    expect(serviceViolation({ allPermissions: ["feed:watch"] })).toBeNull();
    expect(serviceViolation({ allPermissions: ["feed:watch", "orders:eu:read"] })).toBeNull();
  });

  it("names the permissions that are missing", () => {
    expect(serviceViolation({ allPermissions: ["feed:watch", "users:read"] })).toMatchObject({
      reason: "PERMISSION_MISSING",
      missingPermissions: ["users:read"],
    });
  });

  it("is not satisfied by being signed in, by a role, or by permissions beside either", () => {
    expect(serviceViolation({})).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(serviceViolation({ anyRole: ["orders"] })).toMatchObject({
      reason: "ROLE_MISSING",
      missingRoles: ["orders"],
    });
    expect(serviceViolation({ anyRole: ["orders"], allPermissions: ["feed:watch"] })).toMatchObject({
      reason: "ROLE_MISSING",
    });
    expect(serviceViolation({ maxAuthAgeMs: 1000, allPermissions: ["feed:watch"] })).toMatchObject({
      reason: "TOKEN_INVALID",
    });
  });
});
