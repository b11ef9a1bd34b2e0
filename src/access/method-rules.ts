/**
 * Reads the access rules that services state in their protos: a method's own, else
 * the default of its service. It does not matter whose registry a descriptor is from
 * (generated code, a descriptor set, reflection): options of ours are found by number.
 *
 * What cannot be taken at its word is a fault, never a weaker rule: a guard that
 * skipped a condition which it does not understand would open a door.
 */
import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type AccessRule, default_rule, Freshness, rule as ownRule } from "../../gen/sallyport/access/v1/access_pb.ts";
import type { Rule } from "../check/rule.ts";
import { refuseStrangeBytes } from "./option-bytes.ts";

/** Rules that cannot stand; one line for each. */
export class AccessRuleError extends Error {
  override readonly name = "AccessRuleError";
}

/** What is stated, as for a method by its descriptor: its rule, or why there is none that could stand. */
export type Reading = { readonly rule: Rule; readonly fault: null } | { readonly rule: null; readonly fault: string };

/** The rule of each method of the services. @throws AccessRuleError that names every method without one that can stand. */
export function readMethodRules(services: readonly DescService[]): ReadonlyMap<DescMethod, Rule> {
  const rules = new Map<DescMethod, Rule>();
  const faults: string[] = [];
  for (const method of services.flatMap(({ methods }) => methods)) {
    const { rule, fault } = readRule(method);
    if (rule === null) faults.push(`${nameOf(method)}${fault === NO_RULE ? " " : ": "}${fault}`);
    else rules.set(method, rule);
  }
  if (faults.length > 0) throw new AccessRuleError(`the services cannot be guarded:\n  ${faults.join("\n  ")}`);
  return rules;
}

/** The rule of one method, or what is wrong with it. */
export function readRule(method: DescMethod): Reading {
  try {
    const stated = statedRule(method);
    return stated === null ? { rule: null, fault: NO_RULE } : readStated(stated);
  } catch {
    // Somebody else's option of this number, or bytes that are no message.
    return { rule: null, fault: "the access rule cannot be read" };
  }
}

/** What a stated rule says, wherever it is stated, or what is wrong with it. */
export function readStated(stated: AccessRule): Reading {
  const fault = faultOf(stated);
  return fault === null ? { rule: toRule(stated), fault } : { rule: null, fault };
}

/** The full name of a method, such as `shop.v1.Shop.Buy`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}

/** The fault of a method for which nothing is stated. */
export const NO_RULE = "has no access rule";

/** @throws Error if the option is not of our making. */
function statedRule(method: DescMethod): AccessRule | null {
  if (hasOption(method, ownRule)) {
    refuseStrangeBytes(method.proto.options, ownRule.number);
    return getOption(method, ownRule);
  }
  if (!hasOption(method.parent, default_rule)) return null;
  refuseStrangeBytes(method.parent.proto.options, default_rule.number);
  return getOption(method.parent, default_rule);
}

/** Why the rule contradicts itself, says nothing or breaks a bound that its proto sets, or `null`. */
function faultOf(stated: AccessRule): string | null {
  const { anyRole, allPermissions, maxAuthAge, freshness } = stated;
  const asksSomething =
    stated.authenticated || anyRole.length > 0 || allPermissions.length > 0 || maxAuthAge !== undefined;
  if ((stated.$unknown?.length ?? 0) > 0) return "the access rule states what this version of sallyport does not know";
  if (stated.public && asksSomething) return "a public rule states nothing else";
  if (!stated.public && !asksSomething) return "the access rule is empty";
  if (maxAuthAge !== undefined && durationMs(maxAuthAge) <= 0) return "max_auth_age is not above zero";
  if (!FRESHNESS.has(freshness)) return `freshness ${freshness} is not known`;
  return misnamed("any_role", anyRole, ROLE) ?? misnamed("all_permissions", allPermissions, PERMISSION);
}

const FRESHNESS: ReadonlySet<number> = new Set(Object.values(Freshness));
/** The name of a role, as access.proto has it. */
export const ROLE = /^(?=.{1,64}$)[a-z][a-z0-9_.-]*$/;
/** Likewise a permission. */
const PERMISSION = /^(?=.{1,128}$)[a-z][a-z0-9_.-]*(:[a-z][a-z0-9_.-]*)*$/;
const MAX_NAMES = 32;
/** Characters of a name that no rule may have: enough to know it again. */
const MAX_SHOWN = 80;

function misnamed(field: string, names: readonly string[], pattern: RegExp): string | null {
  const odd = names.find((name) => !pattern.test(name));
  if (odd !== undefined) return `${field} has ${quoted(odd)}, which nobody can hold`;
  const again = names.find((name, at) => names.indexOf(name) < at);
  if (again !== undefined) return `${field} has ${again} twice`;
  return names.length > MAX_NAMES ? `${field} has more than ${MAX_NAMES} names` : null;
}

/** In visible ASCII: what is wrong with a name may be what it would do to a terminal. */
function quoted(text: string): string {
  const code = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text.slice(0, MAX_SHOWN)).replace(/[^ -~]/g, code);
}

function toRule(stated: AccessRule): Rule {
  return {
    public: stated.public,
    anyRole: stated.anyRole,
    allPermissions: stated.allPermissions,
    maxAuthAgeMs: stated.maxAuthAge === undefined ? null : durationMs(stated.maxAuthAge),
    freshness: stated.freshness === Freshness.REMOTE ? "REMOTE" : "LOCAL",
  };
}
