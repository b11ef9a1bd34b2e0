/** Who calls, for handlers behind a rule that is not public. */
import type { HandlerContext } from "@connectrpc/connect";
import type { Principal } from "../check/decision.ts";
import { covers } from "../check/permission.ts";
import type { RoleTable } from "../check/role-table.ts";
import type { Actor } from "../roles/actor.ts";
import { type Caller, callerKey, idOf } from "./guard.ts";

/** The user who calls. Only behind rules that no service satisfies: those without permissions. */
export function userOf({ values }: HandlerContext): Principal {
  const caller = values.get(callerKey);
  if (caller?.kind !== "user") throw new Error("an RPC for users was called by nobody or by a service");
  return caller.principal;
}

/** Whoever calls, as one who changes things and may hand out only what it holds. */
export function actorOf({ values }: HandlerContext, roles: Pick<RoleTable, "grants" | "has">): NonNullable<Actor> {
  const caller = values.get(callerKey);
  if (caller === null) throw new Error("a guarded RPC was called by nobody");
  return {
    id: idOf(caller),
    holds: (grant) => holds(caller, grant, roles),
    hasRole: (role) => caller.kind === "user" && roles.has(role) && caller.principal.roles.includes(role),
  };
}

function holds({ kind, principal }: Caller, grant: string, roles: Pick<RoleTable, "grants" | "has">): boolean {
  if (kind === "user") return roles.grants(principal.roles, grant);
  return principal.permissions.some((own) => covers(own, grant));
}
