import type { DescService } from "@bufbuild/protobuf";
import { isInfrastructure } from "../../access/infrastructure.ts";
import { AccessRuleError, nameOf, readMethodRules } from "../../access/method-rules.ts";
import { PUBLIC, type Rule } from "../../check/rule.ts";

/** The rule of a method, by the path that calls of it have (`/shop.v1.Shop/Buy`); `null` if there is none. */
export type RuleOf = (path: string) => Rule | null;

/**
 * The rules of the services' methods. Health and reflection of gRPC, which state none, are public, given or not.
 * @throws AccessRuleError that names every method without a rule that can stand, or that is given twice.
 */
export function createRuleIndex(services: readonly DescService[]): RuleOf {
  const rules = new Map<string, Rule>();
  for (const [method, rule] of readMethodRules(services.filter((service) => !isInfrastructure(service)))) {
    const path = `/${method.parent.typeName}/${method.name}`;
    if (rules.has(path)) throw new AccessRuleError(`${nameOf(method)} is given twice, by different descriptors`);
    rules.set(path, rule);
  }
  if (rules.size === 0) throw new AccessRuleError("no services were given whose methods could be guarded");
  return (path) => rules.get(path) ?? (isInfrastructure({ typeName: typeNameIn(path) }) ? PUBLIC : null);
}

function typeNameIn(path: string): string {
  return path.slice(1, path.lastIndexOf("/"));
}
