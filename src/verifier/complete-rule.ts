import { AUTHENTICATED, type Rule } from "../check/rule.ts";
import type { AccessRule } from "./api.ts";

/** What each condition must look like. */
const CONDITIONS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["public", () => true],
  ["anyRole", isTexts],
  ["allPermissions", isTexts],
  ["maxAuthAgeMs", isAge],
  ["freshness", (value: unknown) => value === "LOCAL" || value === "REMOTE"],
]);

/**
 * The rule with all that it leaves open; never one that lets anybody in without a token.
 * @throws TypeError for a condition that is misspelt or makes no sense: it must not be overlooked.
 */
export function completeRule(rule: AccessRule): Rule {
  // What it inherits would be overlooked: a rule is a plain object.
  const prototype: unknown = Object.getPrototypeOf(rule);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError("an access rule must be a plain object");
  for (const [name, value] of Object.entries(rule)) {
    const isGood = CONDITIONS.get(name);
    if (isGood === undefined) throw new TypeError(`an access rule has no condition ${name}`);
    if (!isGood(value)) throw new TypeError(`the condition ${name} of an access rule makes no sense`);
  }
  return { ...AUTHENTICATED, ...rule, public: false };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isAge(value: unknown): boolean {
  return value === null || (typeof value === "number" && Number.isFinite(value) && value > 0);
}
