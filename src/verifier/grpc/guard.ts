/**
 * `sallyport/verifier/grpc`: guards the RPCs of a `@grpc/grpc-js` server by the access rules in their
 * protos. Put it last among the interceptors, or before none that hands on other metadata than it got.
 */
import { type Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { Principal } from "../../check/decision.ts";
import { createAdmission, type GuardOptions } from "../guard/admission.ts";
import { guardedCall, type Known } from "./guarded-call.ts";

export { AccessRuleError } from "../../access/method-rules.ts";
export type { GuardOptions } from "../guard/admission.ts";
export type { Report } from "../guard/report.ts";
export { readServices } from "./read-services.ts";

/** A call as grpc-js hands it to a handler, of any kind. */
export type ServerCall = { readonly metadata: Metadata };

const known = new WeakMap<Metadata, Known>();

/**
 * The guard. Refuses with UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE, and the reason and next step
 * in `google.rpc.ErrorInfo` (`grpc-status-details-bin`). When a stream ends because its caller may no more,
 * its handler hears `cancelled`, as if the client had gone.
 * @throws AccessRuleError that names every method without a rule.
 */
export function createGuard(options: GuardOptions): ServerInterceptor {
  const admit = createAdmission(options);
  return ({ path, requestStream, responseStream }, call) =>
    new ServerInterceptingCall(guardedCall(call, { path, streams: requestStream || responseStream, admit, known }));
}

/** Who calls. @throws Error where that is nobody: behind a public rule, or without a guard. */
export function principalOf(call: ServerCall): Principal {
  const principal = callerOf(call);
  if (principal === null) throw new Error("nobody is signed in: the RPC is public, or its guard only reports");
  return principal;
}

/** Who calls; `null` behind a public rule, and where the guard only reports. @throws Error without a guard. */
export function callerOf(call: ServerCall): Principal | null {
  return knownOf(call).principal;
}

/** Aborts when the call is over, whoever ended it: its client, its deadline, the guard. @throws Error without a guard. */
export function signalOf(call: ServerCall): AbortSignal {
  return knownOf(call).signal;
}

function knownOf({ metadata }: ServerCall): Known {
  const found = known.get(metadata);
  if (found !== undefined) return found;
  throw new Error("the call went through no guard, or an interceptor behind the guard replaced its metadata");
}
