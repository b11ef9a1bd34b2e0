/**
 * Sends each request to what answers it: a preflight, an RPC, a plain HTTP
 * route, or a refusal. Both HTTP versions and every protocol pass through here.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Connections } from "./connections.ts";
import type { createCors } from "./cors.ts";
import { answeredWith, type createExchanges, type Exchange } from "./exchange.ts";
import { protocolOf } from "./protocol.ts";
import { isRpcPath, refuseUnknown } from "./refuse.ts";
import { discardRest } from "./request-body.ts";
import type { Route } from "./routes.ts";
import type { createRpcAdapter } from "./rpc-adapter.ts";
import { createSendTrailers } from "./unary/one-write.ts";
import type { UnaryAdapter } from "./unary/unary-adapter.ts";
import type { UnaryRoute } from "./unary/unary-call.ts";
import { fromHttp1 } from "./unary/unary-http1.ts";
import { Http2Inbound } from "./unary/unary-http2.ts";
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
  readonly connections: Pick<Connections, "of" | "ofSession">;
  readonly beginExchange: ReturnType<typeof createExchanges>;
  readonly unary: UnaryAdapter;
  /** By path, `/package.Service/Method`. */
  readonly rpcs: ReadonlyMap<string, UniversalHandler>;
  /** By path. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly runRpc: ReturnType<typeof createRpcAdapter>;
  readonly setCorsHeaders: ReturnType<typeof createCors>;
  readonly lingerMs: number;
};

/** What requests are handed to. */
export type Dispatch = {
  /** Answers any request. */
  readonly request: RequestHandler;
  /** Answers a stream of HTTP/2, if it carries a unary call of the common kind; false if not, and nothing is done. */
  readonly unaryStream: (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ) => boolean;
};

/** Returns the one handler of requests. */
export function createDispatch(deps: DispatchDeps): Dispatch {
  const { connections, rpcs, routes, runRpc, unary, lingerMs } = deps;
  const sendTrailers = createSendTrailers();

  function dispatch(request: WireRequest, response: WireResponse): void {
    if (request.method === "POST" && !("stream" in request) && !("stream" in response)) {
      const route = unary.route(pathOf(request), request.headers, false);
      if (route !== null) {
        unaryRequest(route, request, response);
        return;
      }
    }
    const exchange = deps.beginExchange({
      connection: connections.of(request),
      rawHeaders: request.rawHeaders,
      response,
      cut: () => breakOff(response),
      beLast: () => beLast(request, response),
    });
    response.setHeader("x-request-id", exchange.call.id);
    exchange.protocol = protocolOf(request.headers["content-type"]);
    const path = pathOf(request);
    const route = routes.get(path);
    const isPreflight = route?.forPages !== false && deps.setCorsHeaders(request, response);
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
      } else if (route) {
        exchange.name = path;
        route.answer(request, response, exchange.call);
      } else {
        answerUnknown(path, request, response, exchange);
      }
    } catch (fault) {
      answerFault(fault, request, response, exchange);
    }
    exchange.answered = answeredWith(response.statusCode);
    discardRest(request, response, lingerMs);
  }

  function unaryRequest(route: UnaryRoute, request: IncomingMessage, response: ServerResponse): void {
    const exchange = deps.beginExchange({
      connection: connections.of(request),
      rawHeaders: request.rawHeaders,
      response,
      cut: () => response.destroy(),
      beLast: () => {
        if (!response.headersSent) response.shouldKeepAlive = false;
      },
    });
    const common = commonHeaders(exchange, request.headers);
    beginCall(exchange, route);
    const onSent = () => discardRest(request, response, lingerMs);
    unary.run(fromHttp1(route, exchange, { request, response, common, onSent }));
  }

  /** Headers of the answer to a unary call, whatever it is. */
  function commonHeaders({ call }: Exchange, headers: IncomingHttpHeaders): Record<string, string> {
    const common: Record<string, string> = { "x-request-id": call.id };
    const setHeader = (name: string, value: string) => void Object.assign(common, { [name]: value });
    deps.setCorsHeaders({ method: "POST", headers }, { setHeader });
    return common;
  }

  function unaryStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ): boolean {
    const route = headers[":method"] === "POST" ? unary.route(headers[":path"] ?? "", headers, true) : null;
    if (route === null) return false;
    const exchange = deps.beginExchange({
      connection: connections.ofSession(stream.session),
      rawHeaders,
      response: stream,
      cut: () => stream.close(constants.NGHTTP2_CANCEL),
      beLast: nothing,
    });
    const common = commonHeaders(exchange, headers);
    beginCall(exchange, route);
    unary.run(new Http2Inbound(route, exchange, { stream, headers, common, sendTrailers, lingerMs }));
    return true;
  }

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

  /** Answers what is not served here. */
  function answerUnknown(path: string, request: WireRequest, response: WireResponse, exchange: Exchange): void {
    const { protocol } = exchange;
    if (request.method === "POST" && protocol !== null && (protocol !== "connect" || isRpcPath(path))) {
      exchange.isRpc = true;
      exchange.call.outcome.code = "UNIMPLEMENTED";
      exchange.call.outcome.reason = "RPC_UNKNOWN";
      refuseUnknown(request, response, protocol);
    } else {
      answerJson(request, response, 404, { code: "not_found", message: "there is nothing here; GET / tells what is" });
    }
  }

  return { request: dispatch, unaryStream };
}

function nothing(): void {}

function beginCall(exchange: Exchange, { rpc, encoding }: UnaryRoute): void {
  exchange.isRpc = true;
  exchange.name = rpc.name;
  exchange.protocol = encoding.protocol;
}

/** On HTTP/2 a session ends with its last stream; on HTTP/1 the answer has to say so. */
function beLast(request: WireRequest, response: WireResponse): void {
  if (request.httpVersionMajor === 1 && !response.headersSent) response.setHeader("connection", "close");
}

/** Answers after something has failed that never should. */
function answerFault(fault: unknown, request: WireRequest, response: WireResponse, { call }: Exchange): void {
  call.outcome.code = "INTERNAL";
  call.outcome.cause ??= fault;
  if (response.headersSent) breakOff(response);
  else answerJson(request, response, 500, { code: "internal", message: "internal error" });
}
