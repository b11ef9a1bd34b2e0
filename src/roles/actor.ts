/** Who changes something, and what it may hand out. */
import { Refusal } from "../errors.ts";

/** A user or a service that acts; `null` where the operator acts from the command line, and may do anything. */
export type Actor = {
  /** `usr_…` or `svc_…`. */
  readonly id: string;
  /** Whether the actor holds all that a grant covers. */
  readonly holds: (grant: string) => boolean;
  /** Whether the actor is a user who holds the role. */
  readonly hasRole: (role: string) => boolean;
} | null;

/** Refuses to give what the actor does not hold. @throws Refusal PRIVILEGE_ESCALATION. */
export function refuseEscalation(actor: Actor, grants: readonly string[]): void {
  if (actor !== null && !grants.every(actor.holds)) throw new Refusal("PRIVILEGE_ESCALATION");
}

/**
 * Refuses to give or take roles that the actor does not hold, and to touch accounts
 * that hold them, unless the actor holds everything. What roles grant is not enough:
 * backends may ask for a role by its name alone.
 * @throws Refusal PRIVILEGE_ESCALATION.
 */
export function refuseForeignRoles(actor: Actor, roles: readonly string[]): void {
  if (actor === null || actor.holds("*")) return;
  if (!roles.every(actor.hasRole)) throw new Refusal("PRIVILEGE_ESCALATION");
}
