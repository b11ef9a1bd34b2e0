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
export type ActorOf = (context: Pick<HandlerContext, "values">) => NonNullable<Actor>;

/** An {@link ActorOf}; `freeRoles` are those that anybody may have, and so anybody may give. */
export function createActorOf(deps: {
  readonly roles: Pick<RoleTable, "grants" | "has">;
  readonly freeRoles: ReadonlySet<string>;
}): ActorOf {
  const { roles, freeRoles } = deps;
  return function actorOf({ values }) {
    const caller = values.get(callerKey);
    if (caller === null) throw new Error("a guarded RPC was called by nobody");
    const own = caller.kind === "user" ? caller.principal.roles : [];
    return {
      id: idOf(caller),
      sessionId: caller.kind === "user" ? caller.principal.sessionId : null,
      roles: own,
      holds: (grant) => holds(caller, grant, roles),
      mayGive: (role) => freeRoles.has(role) || (roles.has(role) && own.includes(role)),
    };
  };
}

function holds({ kind, principal }: Caller, grant: string, roles: Pick<RoleTable, "grants" | "has">): boolean {
  if (kind === "user") return roles.grants(principal.roles, grant);
  return principal.permissions.some((own) => covers(own, grant));
}
