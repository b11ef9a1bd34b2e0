/**
 * The access matrix: each method with its rule, and which roles are enough for it.
 * What cannot be guarded as it stands is told as a fault of its method. The verdict on
 * a role is that of the guard's own evaluator.
 */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { createRoleTable } from "../check/role-table.ts";
import { PUBLIC, type Rule, violationOf } from "../check/rule.ts";
import { isInfrastructure } from "./infrastructure.ts";
import { NO_RULE, nameOf, readRule } from "./method-rules.ts";

/** A role that there is, and what it grants; `null` if only its name is known. */
export type KnownRole = { readonly name: string; readonly grants: readonly string[] | null };

/** Why a method cannot be guarded as it stands. */
export type Fault = { readonly kind: "no rule" | "unfit rule" | "unknown role"; readonly text: string };

/** What there is to know of a method. */
export type MatrixRow = {
  /** Its full name, such as `shop.v1.Shop.Buy`. */
  readonly rpc: string;
  readonly streams: DescMethod["methodKind"];
  /** Health or reflection, which need no rule. */
  readonly infrastructure: boolean;
  /** `null` if none is stated that could stand. */
  readonly rule: Rule | null;
  readonly faults: readonly Fault[];
  /**
   * For each known role, in the order given, whether a signed-in user who holds it alone may call, as far as that is a
   * matter of roles; `null` if that depends on grants that are not known.
   */
  readonly enough: readonly (boolean | null)[];
};

/** A row for each method of the services. */
export function accessMatrix(services: readonly DescService[], roles: readonly KnownRole[]): readonly MatrixRow[] {
  return services.flatMap((service) => service.methods.map((method) => rowOf(method, roles)));
}

function rowOf(method: DescMethod, roles: readonly KnownRole[]): MatrixRow {
  const infrastructure = isInfrastructure(method.parent);
  const { rule, fault } = infrastructure ? { rule: PUBLIC, fault: null } : readRule(method);
  const row = { rpc: nameOf(method), streams: method.methodKind, infrastructure };
  if (rule === null) {
    const kind = fault === NO_RULE ? "no rule" : "unfit rule";
    return { ...row, rule, faults: [{ kind, text: fault }], enough: roles.map(() => null) };
  }
  return {
    ...row,
    rule,
    faults: rule.anyRole
      .filter((name) => !roles.some((role) => role.name === name))
      .map((name) => ({ kind: "unknown role", text: `names the role ${name}, which is not known` })),
    enough: roles.map((role) => isEnough(role, rule)),
  };
}

function isEnough({ name, grants }: KnownRole, rule: Rule): boolean | null {
  if (rule.public) return true;
  const table = createRoleTable();
  table.set(name, grants ?? []);
  const holder = { userId: "", username: "", roles: [name], sessionId: "", authTime: 0, expiresAt: 0 };
  // How long ago the password was given is no matter of roles.
  const passes = (asked: Partial<Rule>) =>
    violationOf({ ...rule, maxAuthAgeMs: null, ...asked }, holder, { roles: table, clock: { now: () => 0 } }) === null;
  if (passes({})) return true;
  return grants === null && passes({ allPermissions: [] }) ? null : false;
}
