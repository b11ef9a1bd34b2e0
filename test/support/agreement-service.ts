/** The service that the agreement suite calls: what it does is told by the request. */
import { create, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import {
  type AuthorizeRequest,
  AuthorizeRequestSchema,
  AuthService,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { Refusal } from "../../src/errors.ts";
import { keepDeadline } from "../../src/rpc/keep-deadline.ts";
import { mapErrors } from "../../src/rpc/map-errors.ts";
import { observe } from "../../src/rpc/observe.ts";

/** What the handler saw of a call. */
export type Seen = {
  readonly message: string;
  readonly header: Record<string, string>;
  readonly about: Record<string, unknown>;
  /** Whether it had a deadline; the time left is never the same twice. */
  readonly hasTimeout: boolean;
  /** The code that its signal told of while it was at work; `null`: none. */
  abortedWith: string | null;
};

/** Where the handler notes what it saw. */
type Noted = { readonly calls: Seen[]; readonly signals: AbortSignal[] };

/** A text that no header can carry as it is. */
export const AWKWARD = 'ä 漢 🙂 100% "x"\r\n\\';

/** What `Authorize` does, by the word before the colon in `audience`. */
const BEHAVIOURS: Record<string, (argument: string, context: HandlerContext) => Promise<void> | void> = {
  fail(argument) {
    const metadata = { "x-fail": "one, two", "x-fail-bin": "AAH/", "content-type": "text/plain", "grpc-status": "7" };
    throw new ConnectError(AWKWARD, argument in Code ? Number(argument) : Code.Unknown, metadata, [
      { desc: ErrorInfoSchema, value: { reason: "R", domain: "d", metadata: { key: AWKWARD } } },
      { desc: BadRequestSchema, value: { fieldViolations: [{ field: "f", description: AWKWARD }] } },
    ]);
  },
  refuse() {
    throw new Refusal("BUSY", { retryAfterMs: 1500, fields: [{ field: "f", description: "d" }] });
  },
  fault(argument) {
    if (argument === "text") throw argument;
    throw new Error(`secret ${argument}`);
  },
  unsayable() {
    throw new ConnectError("half a pair: \ud83d", Code.FailedPrecondition);
  },
  late: (argument) => new Promise((resolve) => setTimeout(resolve, Number(argument))),
  wait: (_argument, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  hang: () => new Promise(() => {}),
};

/** Registers the service; what it sees goes to `noted`. */
export function agreementRoutes({ calls, signals }: Noted) {
  return (router: ConnectRouter): void => {
    router.service(AuthService, {
      async authorize(message, context) {
        const seen = see(message, context);
        calls.push(seen);
        signals.push(context.signal);
        const noteAbort = () => {
          seen.abortedWith = codeIn(context.signal.reason);
        };
        context.signal.addEventListener("abort", noteAbort);
        echoMetadata(context);
        const [what = "", argument = ""] = message.audience.split(":");
        try {
          await BEHAVIOURS[what]?.(argument, context);
        } finally {
          context.signal.removeEventListener("abort", noteAbort);
        }
        return answerTo(message, what === "large" ? Number(argument) : 0);
      },
    });
  };
}

function see(message: AuthorizeRequest, context: HandlerContext): Seen {
  const { url, requestMethod, protocolName, service, method, requestHeader, signal } = context;
  return {
    message: toJsonString(AuthorizeRequestSchema, message),
    header: Object.fromEntries([...requestHeader].filter(([name]) => !OF_THE_CONNECTION.has(name))),
    about: { path: new URL(url).pathname, requestMethod, protocolName, service: service.typeName, method: method.name },
    hasTimeout: context.timeoutMs() !== undefined,
    abortedWith: signal.aborted ? codeIn(signal.reason) : null,
  };
}

/** The two servers have ports of their own. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set(["host"]);

/** A connection that breaks has no code; that is a cancellation too. */
function codeIn(reason: unknown): string {
  return Code[reason instanceof ConnectError ? reason.code : Code.Canceled];
}

/** `x-up-NAME` comes back as the header `x-head-NAME` and the trailer `x-tail-NAME`. */
function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  for (const [name, value] of requestHeader) {
    if (!name.startsWith("x-up-")) continue;
    const rest = name.slice("x-up-".length);
    responseHeader.append(`x-head-${rest}`, value);
    responseTrailer.append(`x-tail-${rest}`, value);
    if (rest.startsWith("twice") && value !== "") responseTrailer.append(`x-tail-${rest}`, value);
  }
}

/** Fields alone, as handlers may answer; the message of the request comes back in them. */
function answerTo({ audience, anyRole, accessToken }: AuthorizeRequest, size: number) {
  const principal = { userId: audience, username: accessToken + "x".repeat(size), roles: anyRole };
  return { decision: { case: "granted" as const, value: { principal } } };
}

/** The chain of the service, then interceptors that do what interceptors may, each if its header asks for it. */
export const agreementChain: readonly Interceptor[] = [
  observe,
  mapErrors,
  keepDeadline,
  (next) => async (request) => {
    const response = await next(request);
    if (request.header.has("x-do-add")) {
      response.header.append("x-added", "one");
      response.header.append("x-added", "two");
      response.trailer.set("x-added-bin", "AAEC");
    }
    return response;
  },
  (next) => async (request) => {
    const response = await next(request);
    if (!request.header.has("x-do-copy")) return response;
    const header = new Headers(response.header);
    header.set("x-copied", "yes");
    return { ...response, header };
  },
  (next) => async (request) => {
    const text = request.header.get("x-do-replace");
    if (text === null || request.stream) return next(request);
    const replaced = create(AuthorizeRequestSchema, { audience: text });
    const response = await next({ ...request, message: replaced });
    return response.stream ? response : { ...response, message: { ...response.message } };
  },
  (next) => async (request) => {
    const response = await next(request);
    return request.header.has("x-do-forget")
      ? { ...response, header: new Headers(), trailer: new Headers() }
      : response;
  },
  (next) => (request) => {
    if (request.header.has("x-do-reject")) throw new ConnectError("rejected", Code.PermissionDenied, { "x-why": "so" });
    if (request.header.has("x-do-refuse")) throw new Refusal("TOKEN_MISSING");
    return next(request);
  },
];
