/**
 * The interceptor that makes calls carry the access token.
 *
 * A call is sent twice at most, and only where that cannot do its work twice: after a guard
 * refused its token, which is before any work was done; or after UNAVAILABLE or a lost
 * answer, if the contract declares the method idempotent. A stream is sent again only as
 * long as nothing was taken from it either way; after that, its refusal counts for the next call.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor, type StreamRequest, type StreamResponse } from "@connectrpc/connect";
import type { AccessTokens, Carried } from "./access-tokens.ts";
import { mayBeLost } from "./lost-answer.ts";
import { originOf } from "./origin.ts";
import { jittered, type RandomBytes } from "./random-bytes.ts";
import { type Reason, reasonOf } from "./refusal-reason.ts";
import { overheard, repeatable, withFirst } from "./repeatable-stream.ts";
import { SessionStoreError } from "./session-store.ts";
import { outcomeFor, type Pause } from "./wait.ts";

/** Whom a token is for. */
export type Destination = {
  /** The audience to narrow it to; empty for all audiences of the session. */
  readonly audience: string;
  /** The origins that it may be sent to; `null` where the transport itself is the answer. */
  readonly origins: ReadonlySet<string> | null;
};

type CarryDeps = {
  readonly tokens: AccessTokens;
  readonly pause: Pause;
  readonly randomBytes: RandomBytes;
};

/** Refusals of the token itself: another one may do, or the refresh tells what became of the session. */
const OF_THE_TOKEN: ReadonlySet<Reason> = new Set<Reason>([
  "TOKEN_EXPIRED",
  "PRIVILEGES_CHANGED",
  "SESSION_REVOKED",
  "TOKEN_INVALID",
]);
const RETRY_PAUSE_MS = 300;

/** An interceptor for transports that lead to `destination`. A call that brings `authorization` itself is left alone. */
export function carryToken({ tokens, pause, randomBytes }: CarryDeps, destination: Destination): Interceptor {
  const { audience, origins } = destination;

  return (next) => async (request) => {
    if (request.header.has("authorization")) return next(request);
    refuseStrangers(origins, request.url);
    const first = await available(tokens.current(audience), request.signal);
    if (request.stream) return stream(request, next, first);
    return twice(request, first, true, (token) => next({ ...request, header: withToken(request.header, token) }));
  };

  async function stream(
    request: StreamRequest,
    next: ReturnType<Interceptor>,
    first: Carried | null,
  ): Promise<StreamResponse> {
    // Only what can be asked again waits for its first answer, which may be the refusal.
    const waits = request.method.methodKind === "server_streaming" && isIdempotent(request.method);
    const input = waits ? await repeatable.whole(request.message) : repeatable.untouched(request.message);
    const send = async (token: Carried | null) => {
      const header = withToken(request.header, token);
      const response = await next({ ...request, header, message: input.messages() });
      if (!response.stream) throw new ConnectError("a stream was answered as if it were none", Code.Internal);
      const messages = waits ? await withFirst(response.message) : response.message;
      return { ...response, message: overheard(messages, (error) => noteRefusal(error, token)) };
    };
    return twice(request, first, () => input.mayRepeat(), send).catch((error: unknown) => {
      if (!input.mayRepeat()) noteRefusal(error, first);
      throw error;
    });
  }

  /** What cannot be sent again tells at least the next call that its token will not do. */
  function noteRefusal(error: unknown, token: Carried | null): void {
    if (token !== null && isOfTheToken(error)) tokens.refusedForGood(token);
  }

  /** Sends a call, and once more with another token or after a pause, if that is safe. */
  async function twice<T>(
    { method, signal }: { readonly method: DescMethod; readonly signal: AbortSignal },
    first: Carried | null,
    mayRepeat: true | (() => boolean),
    send: (token: Carried | null) => Promise<T>,
  ): Promise<T> {
    try {
      return await send(first);
    } catch (error) {
      if (signal.aborted || !(mayRepeat === true || mayRepeat())) throw error;
      if (first !== null && isOfTheToken(error)) {
        const other = await available(tokens.instead(first), signal);
        if (other === null) throw error;
        return send(other).catch((again: unknown) => {
          if (isOfTheToken(again)) tokens.refusedAgain(audience);
          throw again;
        });
      }
      if (!isIdempotent(method) || !mayBeLost(error)) throw error;
      await outcomeFor(pause(jittered(RETRY_PAUSE_MS, randomBytes)), signal);
      return send(first);
    }
  }
}

function isOfTheToken(error: unknown): boolean {
  const refusal = reasonOf(error);
  if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated || refusal === null) return false;
  return refusal.nextStep === "REFRESH" || OF_THE_TOKEN.has(refusal.reason);
}

function isIdempotent({ idempotency }: DescMethod): boolean {
  return idempotency === Idempotency.IDEMPOTENT || idempotency === Idempotency.NO_SIDE_EFFECTS;
}

/** The outcome, for as long as this call waits for it. */
async function available<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await outcomeFor(outcome, signal);
  } catch (error) {
    if (!(error instanceof SessionStoreError)) throw error;
    throw new ConnectError(error.message, Code.FailedPrecondition, undefined, undefined, error);
  }
}

function withToken(header: Headers, token: Carried | null): Headers {
  const copy = new Headers(header);
  if (token !== null) copy.set("authorization", `Bearer ${token.access.token}`);
  return copy;
}

function refuseStrangers(origins: ReadonlySet<string> | null, url: string): void {
  if (origins === null || origins.has(originOf(url))) return;
  const named = [...origins].join(" and ");
  throw new ConnectError(
    `this interceptor carries tokens to ${named} alone, and its transport leads to ${originOf(url)}; make one for that`,
    Code.FailedPrecondition,
  );
}
