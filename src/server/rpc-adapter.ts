/**
 * Runs RPCs that came over Node's HTTP through the library's protocol handlers.
 *
 * This does what the library's `connectNodeAdapter` does, over the same
 * handlers, and in addition: it bounds deadlines and the time that a body may
 * take, survives requests that are not even URLs, reports to the request log
 * instead of the console, and ends streams when the server stops.
 */
import { Code, ConnectError, type ContextValues, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import { callKey } from "../rpc/call.ts";
import { shortenDeadline } from "./deadline.ts";
import { type Answered, answeredWith, type Exchange } from "./exchange.ts";
import { readBody } from "./request-body.ts";
import { respond } from "./respond.ts";
import { answerJson, type WireRequest, type WireResponse } from "./wire.ts";

/** A call on its way to its handler. */
type Inbound = {
  readonly handler: UniversalHandler;
  readonly request: WireRequest;
  readonly response: WireResponse;
  readonly exchange: Exchange;
};

/**
 * Returns a function that runs a call and answers it.
 * @param stop aborts when the server stops: streams end then, unary calls finish.
 */
export function createRpcAdapter(stop: AbortSignal) {
  return async function runRpc(inbound: Inbound): Promise<Answered | null> {
    const { handler, request, response, exchange } = inbound;
    const { protocol } = exchange;
    const unary = handler.method.methodKind === "unary";
    const deadlineMs = unary && protocol !== null ? shortenDeadline(request.headers, protocol) : null;
    const universal = toUniversal(request, response, createContextValues().set(callKey, exchange.call));
    if (universal === null) {
      answerJson(request, response, 400, { code: "invalid_argument", message: "the request names no host, or no URL" });
      return answeredWith(400);
    }
    if (deadlineMs === null) {
      const signal = AbortSignal.any([universal.signal, stop]);
      return respond(await handler({ ...universal, signal, body: readBody(request, signal) }), response, exchange);
    }
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(tooLate()), deadlineMs);
    try {
      const answer = await handler({ ...universal, body: readBody(request, late.signal) });
      return await respond(answer, response, exchange);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** `null` if the request names no host, or what it asks for makes no URL. */
function toUniversal(
  request: WireRequest,
  response: WireResponse,
  values: ContextValues,
): UniversalServerRequest | null {
  try {
    return universalRequestFromNodeRequest(request, response, undefined, values);
  } catch {
    return null;
  }
}

function tooLate(): ConnectError {
  return new ConnectError("the deadline passed before the request was complete", Code.DeadlineExceeded);
}
