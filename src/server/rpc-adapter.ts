/**
 * Runs RPCs that came over Node's HTTP through the library's protocol handlers.
 *
 * This does what the library's `connectNodeAdapter` does, over the same
 * handlers, and in addition: it bounds deadlines and the time that a body may
 * take, survives requests that are not even URLs, reports to the request log
 * instead of the console, and ends streams when the server stops.
 */
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import { callKey } from "../rpc/call.ts";
import { shortenDeadline } from "./deadline.ts";
import { type Answered, answeredWith, type Exchange } from "./exchange.ts";
import type { Protocol } from "./protocol.ts";
import { readBody } from "./request-body.ts";
import { respond } from "./respond.ts";
import { answerByLibrary } from "./unary/library-answer.ts";
import { answerJson, breakOff, sendWhole, type WireRequest, type WireResponse } from "./wire.ts";

/** A call on its way to its handler. */
type Inbound = {
  readonly handler: UniversalHandler;
  readonly request: WireRequest;
  readonly response: WireResponse;
  readonly exchange: Exchange;
};

/**
 * Returns a function that runs a call and answers it. It resolves with what was
 * answered, or `null` if the client went away first.
 * @param stop aborts when the server stops: streams end then, unary calls finish.
 */
export function createRpcAdapter(stop: AbortSignal) {
  return async function runRpc(inbound: Inbound): Promise<Answered | null> {
    const { handler, request, response, exchange } = inbound;
    const { protocol } = exchange;
    if (handler.method.methodKind === "unary" && protocol) return runUnary(inbound, protocol);
    const universal = toUniversal(inbound);
    if (!universal) return refuseUrl(inbound);
    const signal = AbortSignal.any([universal.signal, stop]);
    return respond(await handler({ ...universal, signal, body: readBody(request, signal) }), response, exchange);
  };
}

async function runUnary(inbound: Inbound, protocol: Protocol): Promise<Answered | null> {
  const { handler, request, response, exchange } = inbound;
  const deadlineMs = shortenDeadline(request.headers, protocol);
  const universal = toUniversal(inbound);
  if (!universal) return refuseUrl(inbound);
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(tooLate());
    // The client has given up, and will not take what is left of the answer.
    if (response.headersSent) breakOff(response);
  }, deadlineMs);
  try {
    const call = { ...universal, body: readBody(request, late.signal) };
    const { answer, answered } = await answerByLibrary({ handler, protocol, request: call });
    if (exchange.over) return null;
    sendWhole(response, answer);
    return answered;
  } finally {
    clearTimeout(timer);
  }
}

/** `null` if the request names no host, or what it asks for makes no URL. */
function toUniversal({ request, response, exchange }: Inbound) {
  const values = createContextValues().set(callKey, exchange.call);
  try {
    return { ...universalRequestFromNodeRequest(request, response, undefined, values), contextValues: values };
  } catch {
    return null;
  }
}

function refuseUrl({ request, response }: Inbound): Answered {
  answerJson(request, response, 400, { code: "invalid_argument", message: "the request names no host, or no URL" });
  return answeredWith(400);
}

function tooLate(): ConnectError {
  return new ConnectError("the deadline passed before the request was complete", Code.DeadlineExceeded);
}
