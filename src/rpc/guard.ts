/**
 * The guard before Sallyport's own RPCs: the access rules of the protos, through the
 * same check that answers `Authorize`. Starts from "deny": a method that it does not
 * know is refused.
 */
import { createContextKey, type Interceptor } from "@connectrpc/connect";
import { bearerToken } from "../access/bearer.ts";
import { refusalOf } from "../access/refusal-of.ts";
import type { Checker } from "../check/checker.ts";
import type { Principal } from "../check/decision.ts";
import { type Rule, serviceViolationOf } from "../check/rule.ts";
import { API_KEY_PREFIX, type ServicePrincipal, type ServiceTable } from "../check/service-table.ts";
import { Refusal } from "../errors.ts";
import { OWN_AUDIENCE } from "../tokens/audience-policy.ts";
import { type AccessRules, ANY_SERVICE } from "./access-rules.ts";
import { type Call, callKey } from "./call.ts";
import { interceptorOf } from "./step.ts";

/** Who calls a guarded RPC. */
export type Caller =
  | { readonly kind: "user"; readonly principal: Principal }
  | { readonly kind: "service"; readonly principal: ServicePrincipal };

/** Who calls; `null` behind a public rule. */
export const callerKey = createContextKey<Caller | null>(null, { description: "caller" });

/** What the guard decides by. */
export type GuardDeps = {
  readonly rules: AccessRules;
  readonly checker: Pick<Checker, "check">;
  readonly services: Pick<ServiceTable, "find" | "named">;
  readonly noteServiceUse: (serviceId: string) => void;
};

/** The guard over `rules`. */
export function createGuard({ rules, checker, services, noteServiceUse }: GuardDeps): Interceptor {
  function admit(call: Call, rule: Rule | typeof ANY_SERVICE): Caller {
    const token = bearerToken(call.authorization);
    // Whoever sends a credential wants to be judged by it; the certificate speaks for those who send none.
    const certified = token === "" ? certifiedService(call) : null;
    if (certified !== null) return admitService(certified, rule);
    if (rule === ANY_SERVICE || token.startsWith(API_KEY_PREFIX)) return admitService(serviceOf(token), rule);
    const decision = checker.check({ token, audience: OWN_AUDIENCE, rule });
    if (!decision.granted) throw refusalOf(decision, OWN_AUDIENCE);
    return { kind: "user", principal: decision.principal };
  }

  function certifiedService({ certificateService }: Call): ServicePrincipal | null {
    return certificateService === null ? null : services.named(certificateService);
  }

  function serviceOf(apiKey: string): ServicePrincipal {
    if (apiKey === "") throw new Refusal("TOKEN_MISSING", { message: "send a service's API key in authorization" });
    const principal = services.find(apiKey);
    if (principal === null) throw new Refusal("TOKEN_INVALID", { message: "not the API key of a service" });
    return principal;
  }

  function admitService(principal: ServicePrincipal, rule: Rule | typeof ANY_SERVICE): Caller {
    const violation = rule === ANY_SERVICE ? null : serviceViolationOf(rule, principal);
    if (violation !== null) throw refusalOf(violation, OWN_AUDIENCE);
    noteServiceUse(principal.serviceId);
    return { kind: "service", principal };
  }

  return interceptorOf((next) => (request) => {
    const rule = rules.get(request.method);
    if (rule === undefined)
      throw new Refusal("PERMISSION_MISSING", { cause: new Error("a method without an access rule") });
    const call = request.contextValues.get(callKey);
    if (rule !== ANY_SERVICE && rule.public) {
      // Nobody is asked for, but what is no credential is refused all the same.
      bearerToken(call.authorization);
      return next(request);
    }
    const caller = admit(call, rule);
    call.outcome.subject = idOf(caller);
    request.contextValues.set(callerKey, caller);
    return next(request);
  });
}

/** The user's or the service's id. */
export function idOf({ kind, principal }: Caller): string {
  return kind === "user" ? principal.userId : principal.serviceId;
}
