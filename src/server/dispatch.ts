/**
 * Sends each request to what answers it: a preflight, an RPC, a plain HTTP
 * route, or a refusal. Both HTTP versions and every protocol pass through here.
 */
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { createCors } from "./cors.ts";
import { answeredWith, type createExchanges, type Exchange } from "./exchange.ts";
import { protocolOf } from "./protocol.ts";
import { isRpcPath, refuse, UNKNOWN_RPC } from "./refuse.ts";
import { discardRest } from "./request-body.ts";
import type { createRpcAdapter } from "./rpc-adapter.ts";
import {
  answer,
  answerJson,
  answerMethodNotAllowed,
  breakOff,
  pathOf,
  type RequestHandler,
  type WireRequest,
  type WireResponse,
} from "./wire.ts";

type DispatchDeps = {
  readonly beginExchange: ReturnType<typeof createExchanges>;
  /** By path, `/package.Service/Method`. */
  readonly rpcs: ReadonlyMap<string, UniversalHandler>;
  /** By path. */
  readonly routes: ReadonlyMap<string, RequestHandler>;
  readonly runRpc: ReturnType<typeof createRpcAdapter>;
  readonly setCorsHeaders: ReturnType<typeof createCors>;
  readonly lingerMs: number;
};

/** Returns the one handler of requests. */
export function createDispatch(deps: DispatchDeps): RequestHandler {
  const { rpcs, routes, runRpc, lingerMs } = deps;

  return function dispatch(request, response) {
    const exchange = deps.beginExchange(request, response);
    response.setHeader("x-request-id", exchange.call.id);
    exchange.protocol = protocolOf(request.headers["content-type"]);
    const path = pathOf(request);
    const isPreflight = deps.setCorsHeaders(request, response);
    const handler = isPreflight ? undefined : rpcs.get(path);
    if (handler?.allowedMethods.includes(request.method ?? "")) {
      answerCall(handler, request, response, exchange);
      return;
    }
    try {
      if (isPreflight) {
        answer(response, 204, {});
      } else if (handler) {
        exchange.name = path;
        answerMethodNotAllowed(request, response, handler.allowedMethods.join(", "));
      } else {
        answerRest(path, request, response, exchange);
      }
    } catch (fault) {
      answerFault(fault, request, response, exchange);
    }
    exchange.answered = answeredWith(response.statusCode);
    discardRest(request, response, lingerMs);
  };

  function answerCall(
    handler: UniversalHandler,
    request: WireRequest,
    response: WireResponse,
    exchange: Exchange,
  ): void {
    exchange.isRpc = true;
    exchange.name = handler.requestPath.slice(1);
    runRpc({ handler, request, response, exchange }).then(
      (answered) => {
        exchange.answered = answered;
        if (answered) discardRest(request, response, lingerMs);
      },
      (fault: unknown) => answerFault(fault, request, response, exchange),
    );
  }

  /** Answers what is no call of an RPC that is served here. */
  function answerRest(path: string, request: WireRequest, response: WireResponse, exchange: Exchange): void {
    const { protocol } = exchange;
    const route = routes.get(path);
    if (route) {
      exchange.name = path;
      route(request, response);
    } else if (request.method === "POST" && protocol !== null && (protocol !== "connect" || isRpcPath(path))) {
      exchange.isRpc = true;
      exchange.call.outcome.code = "UNIMPLEMENTED";
      refuse(request, response, protocol, UNKNOWN_RPC);
    } else {
      answerJson(request, response, 404, { code: "not_found", message: "there is nothing here; GET / tells what is" });
    }
  }
}

/** Answers after something has failed that never should. */
function answerFault(fault: unknown, request: WireRequest, response: WireResponse, { call }: Exchange): void {
  call.outcome.code = "INTERNAL";
  call.outcome.cause ??= fault;
  if (response.headersSent) breakOff(response);
  else answerJson(request, response, 500, { code: "internal", message: "internal error" });
}
