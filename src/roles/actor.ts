/** Who changes something, and what it may hand out. */
import type { RoleTable } from "../check/role-table.ts";
import { Refusal } from "../errors.ts";

/** A user who acts; `null` where the operator acts from the command line, and may do anything. */
export type Actor = { readonly userId: string; readonly roles: readonly string[] } | null;

/** Refuses to hand out what the actor does not hold. @throws Refusal PRIVILEGE_ESCALATION. */
export function refuseEscalation(actor: Actor, grants: readonly string[], table: Pick<RoleTable, "grants">): void {
  if (actor === null) return;
  if (grants.some((grant) => !table.grants(actor.roles, grant))) throw new Refusal("PRIVILEGE_ESCALATION");
}
