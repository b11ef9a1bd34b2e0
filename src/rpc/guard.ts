/**
 * The guard before Sallyport's own RPCs: the access rules of the protos, through the
 * same check that answers `Authorize`. Starts from "deny": a method that it does not
 * know is refused.
 */
import { createContextKey, type Interceptor } from "@connectrpc/connect";
import type { Checker } from "../check/checker.ts";
import type { Denied, Principal } from "../check/decision.ts";
import type { Rule } from "../check/rule.ts";
import { Refusal } from "../errors.ts";
import { OWN_AUDIENCE } from "../tokens/audience-policy.ts";
import type { AccessRules } from "./access-rules.ts";
import { bearerToken } from "./bearer.ts";
import { type Call, callKey } from "./call.ts";

/** Who calls; `null` behind a public rule. */
export const principalKey = createContextKey<Principal | null>(null, { description: "principal" });

/** The guard over `rules`. */
export function createGuard({ checker, rules }: { checker: Checker; rules: AccessRules }): Interceptor {
  async function admit(call: Call, rule: Rule): Promise<Principal | null> {
    const token = bearerToken(call.authorization);
    if (rule.public) return null;
    const decision = await checker.check({ token, audience: OWN_AUDIENCE, rule });
    if (!decision.granted) throw refusalOf(decision);
    call.outcome.subject = decision.principal.userId;
    return decision.principal;
  }

  return (next) => async (request) => {
    const rule = rules.get(request.method);
    if (rule === undefined)
      throw new Refusal("PERMISSION_MISSING", { cause: new Error("the method has no access rule") });
    const principal = await admit(request.contextValues.get(callKey), rule);
    request.contextValues.set(principalKey, principal);
    return next(request);
  };
}

function refusalOf({ reason, missingRoles, missingPermissions }: Denied): Refusal {
  if (reason === "ROLE_MISSING")
    return new Refusal(reason, { message: `needs one of the roles ${missingRoles.join(", ")}` });
  if (reason !== "PERMISSION_MISSING") return new Refusal(reason);
  return new Refusal(reason, { message: `needs the permission ${missingPermissions.join(", ")}` });
}
