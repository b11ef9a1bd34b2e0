/**
 * Evaluates an access rule against a principal. Knows nothing of tokens.
 */
import type { Clock } from "../lib/clock.ts";
import { type Denied, denied, type Principal } from "./decision.ts";
import { covers } from "./permission.ts";
import type { RoleTable } from "./role-table.ts";
import type { ServicePrincipal } from "./service-table.ts";

/** Who may call; see `sallyport.access.v1.AccessRule`. */
export type Rule = {
  /** Anyone, without a credential. The other conditions do not apply. */
  readonly public: boolean;
  readonly anyRole: readonly string[];
  readonly allPermissions: readonly string[];
  /** Milliseconds since the password was given, or `null` for no bound. */
  readonly maxAuthAgeMs: number | null;
  readonly freshness: "LOCAL" | "REMOTE";
};

/** Any signed-in user. */
export const AUTHENTICATED: Rule = {
  public: false,
  anyRole: [],
  allPermissions: [],
  maxAuthAgeMs: null,
  freshness: "LOCAL",
};

/** Anyone. */
export const PUBLIC: Rule = { ...AUTHENTICATED, public: true };

type RuleContext = { readonly roles: RoleTable; readonly clock: Clock };

/**
 * Why the principal does not satisfy the rule, or `null` if it does. A role that
 * the table does not know satisfies nothing, even where the token carries it.
 */
export function violationOf(rule: Rule, principal: Principal, { roles, clock }: RuleContext): Denied | null {
  const isHeld = (role: string) => roles.has(role) && principal.roles.includes(role);
  const missingRoles = rule.anyRole.length === 0 || rule.anyRole.some(isHeld) ? [] : rule.anyRole;
  const missingPermissions = rule.allPermissions.filter((permission) => !roles.grants(principal.roles, permission));
  if (missingRoles.length > 0) return denied("ROLE_MISSING", missingRoles, missingPermissions);
  if (missingPermissions.length > 0) return denied("PERMISSION_MISSING", [], missingPermissions);
  if (rule.maxAuthAgeMs !== null && clock.now() - principal.authTime > rule.maxAuthAgeMs) {
    return denied("AUTHENTICATION_TOO_OLD");
  }
  return null;
}

/**
 * Why a service does not satisfy the rule, or `null` if it does. A service is let in
 * by permissions that the rule names and it holds, never for being signed in, and it
 * is nobody who could hold a role or give a password.
 */
export function serviceViolationOf(rule: Rule, service: ServicePrincipal): Denied | null {
  if (rule.anyRole.length > 0) return denied("ROLE_MISSING", rule.anyRole);
  if (rule.allPermissions.length === 0 || rule.maxAuthAgeMs !== null) return denied("TOKEN_INVALID");
  const missing = rule.allPermissions.filter((wanted) => !service.permissions.some((grant) => covers(grant, wanted)));
  return missing.length === 0 ? null : denied("PERMISSION_MISSING", [], missing);
}
