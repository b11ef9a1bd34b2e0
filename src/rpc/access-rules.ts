/**
 * The access rules of Sallyport's own server, read once at start: those that its
 * protos state, and what the operator's settings make of them. A method without a
 * rule keeps the server from starting, rather than be served.
 */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { isInfrastructure } from "../access/infrastructure.ts";
import { readMethodRules } from "../access/method-rules.ts";
import { PUBLIC, type Rule } from "../check/rule.ts";

/** The rule of a method that the operator leaves to services: any credential of a service will do, no user's. */
export const ANY_SERVICE = "any service";

/** The rule of each method. */
export type AccessRules = ReadonlyMap<DescMethod, Rule | typeof ANY_SERVICE>;

/** The rules of the services' methods. @throws AccessRuleError with every method that has none, or an unfit one. */
export function readAccessRules(services: readonly DescService[]): AccessRules {
  const open = services.filter(isInfrastructure).flatMap(({ methods }) => methods);
  const stated = readMethodRules(services.filter((service) => !isInfrastructure(service)));
  return new Map([...stated, ...open.map((method) => [method, PUBLIC] as const)]);
}

/** The rules with `methods` left to services, whatever their permissions. */
export function forServicesOnly(rules: AccessRules, methods: readonly DescMethod[]): AccessRules {
  return new Map([...rules].map(([method, rule]) => [method, methods.includes(method) ? ANY_SERVICE : rule]));
}
