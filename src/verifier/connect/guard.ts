/**
 * `sallyport/verifier/connect`: guards the RPCs of a Connect server by the access rules in
 * their protos. Put it first among the interceptors, so that nothing is done for who may not call.
 */
import {
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type StreamRequest,
} from "@connectrpc/connect";
import { authorizationHeaders } from "../../access/bearer.ts";
import type { Principal } from "../../check/decision.ts";
import { toConnectError } from "../../error-details.ts";
import { Refusal } from "../../errors.ts";
import {
  type Admit,
  type Admitted,
  createAdmission,
  type GuardOptions,
  type IncomingCall,
} from "../guard/admission.ts";
import { begunUnlessAborted, cutRequests, cutResponses } from "./cut-stream.ts";

export { AccessRuleError } from "../../access/method-rules.ts";
export type { GuardOptions } from "../guard/admission.ts";
export type { Report } from "../guard/report.ts";

type Next = Parameters<Interceptor>[0];

/** Who calls: `null` for nobody, `undefined` where no guard has been. */
const principalKey = createContextKey<Principal | null | undefined>(undefined, { description: "sallyport principal" });
/** Every `authorization` header of the request; `undefined` where the server did not hand them over. */
const headersKey = createContextKey<readonly string[] | undefined>(undefined, { description: "authorization headers" });

/**
 * The guard. Refuses with UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE, and the reason and next step
 * in `google.rpc.ErrorInfo`. When a stream ends because its caller may no more, `context.signal` aborts with the
 * error that the client gets.
 * @throws AccessRuleError that names every method without a rule.
 */
export function createGuard(options: GuardOptions): Interceptor {
  const admit = createAdmission(options);
  return (next) => async (request) => {
    const { parent, name } = request.method;
    const { signal, contextValues } = request;
    const sent = contextValues.get(headersKey) ?? joined(request.header);
    const admitted = await admitOrThrow(admit, { path: `/${parent.typeName}/${name}`, authorization: sent, signal });
    contextValues.set(principalKey, admitted.principal);
    if (!request.stream || admitted.follow === null) return next(request);
    return followStream(next, request, admitted.follow);
  };
}

/**
 * All `authorization` headers of a request, for the option `contextValues` of `connectNodeAdapter`: Node shows interceptors
 * the first one alone, and only with this the guard refuses a request that has several.
 */
export function authorizationValues({ rawHeaders }: { readonly rawHeaders: readonly string[] }): ContextValues {
  return createContextValues().set(headersKey, authorizationHeaders(rawHeaders));
}

/** Who calls. @throws Error where that is nobody: behind a public rule, or without a guard. */
export function principalOf(context: Pick<HandlerContext, "values">): Principal {
  const principal = callerOf(context);
  if (principal === null) throw new Error("nobody is signed in: the RPC is public, or its guard only reports");
  return principal;
}

/** Who calls; `null` behind a public rule, and where the guard only reports. @throws Error without a guard. */
export function callerOf({ values }: Pick<HandlerContext, "values">): Principal | null {
  const principal = values.get(principalKey);
  if (principal === undefined) throw new Error("the call went through no guard: add createGuard() to the interceptors");
  return principal;
}

function joined(header: Headers): readonly string[] {
  const value = header.get("authorization");
  return value === null ? [] : [value];
}

async function admitOrThrow(admit: Admit, call: IncomingCall): Promise<Admitted> {
  try {
    return await admit(call);
  } catch (error) {
    throw error instanceof Refusal ? toConnectError(error) : error;
  }
}

async function followStream(next: Next, request: StreamRequest, follow: NonNullable<Admitted["follow"]>) {
  const ended = new AbortController();
  const stop = follow((refusal) => ended.abort(toConnectError(refusal)));
  request.signal.addEventListener("abort", stop, { once: true });
  const message = cutRequests(request.message, ended.signal);
  const signal = AbortSignal.any([request.signal, ended.signal]);
  try {
    const response = await begunUnlessAborted(ended.signal, () => next({ ...request, message, signal }));
    return response.stream ? { ...response, message: cutResponses(response.message, ended.signal, stop) } : response;
  } catch (error) {
    stop();
    throw error;
  }
}
