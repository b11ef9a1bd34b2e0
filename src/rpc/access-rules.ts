/**
 * The access rules that the services state in their protos, read once at start.
 * A method that states none, nor its service, is refused here by its full name:
 * the server does not start rather than serve it.
 */
import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type AccessRule, default_rule, Freshness, rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { AUTHENTICATED, type Rule } from "../check/rule.ts";

/** Rules that cannot stand; one line for each. */
export class AccessRuleError extends Error {
  override readonly name = "AccessRuleError";
}

/** The rule of a method that the operator leaves to services: any credential of a service will do, no user's. */
export const ANY_SERVICE = "any service";

/** The rule of each method. */
export type AccessRules = ReadonlyMap<DescMethod, Rule | typeof ANY_SERVICE>;

/** Methods of others, which carry no option of ours and tell nothing but what everybody may know. */
const PUBLIC_SERVICES: ReadonlySet<string> = new Set([
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
]);

const PUBLIC: Rule = { ...AUTHENTICATED, public: true };

/** The rules of the services' methods. @throws AccessRuleError with every method that has none, or an unfit one. */
export function readAccessRules(services: readonly DescService[]): AccessRules {
  const rules = new Map<DescMethod, Rule>();
  const faults: string[] = [];
  for (const method of services.flatMap(({ methods }) => methods)) {
    const stated = statedRule(method);
    const fault = stated === null ? null : faultOf(stated);
    if (PUBLIC_SERVICES.has(method.parent.typeName)) rules.set(method, PUBLIC);
    else if (stated === null) faults.push(`${nameOf(method)} has no access rule`);
    else if (fault !== null) faults.push(`${nameOf(method)}: ${fault}`);
    else rules.set(method, toRule(stated));
  }
  if (faults.length > 0) throw new AccessRuleError(`the services cannot be guarded:\n  ${faults.join("\n  ")}`);
  return rules;
}

/** The rules with `methods` left to services, whatever their permissions. */
export function forServicesOnly(rules: AccessRules, methods: readonly DescMethod[]): AccessRules {
  return new Map([...rules].map(([method, rule]) => [method, methods.includes(method) ? ANY_SERVICE : rule]));
}

function statedRule(method: DescMethod): AccessRule | null {
  if (hasOption(method, rule)) return getOption(method, rule);
  return hasOption(method.parent, default_rule) ? getOption(method.parent, default_rule) : null;
}

/** Why the rule contradicts itself or says nothing, or `null`. */
function faultOf(stated: AccessRule): string | null {
  const asksSomething =
    stated.authenticated ||
    stated.anyRole.length > 0 ||
    stated.allPermissions.length > 0 ||
    stated.maxAuthAge !== undefined;
  if (stated.public && asksSomething) return "a public rule states nothing else";
  return stated.public || asksSomething ? null : "the access rule is empty";
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

function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}
