import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "../exchange.ts";
import { toHeaders } from "./request-headers.ts";
import type { UnaryInbound, UnaryRoute } from "./unary-adapter.ts";

/** A request of HTTP/1 that carries a unary call. */
export type UnaryExchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Headers of the answer, whatever it is. */
  readonly common: Readonly<Record<string, string>>;
  /** Called when the answer is on its way. */
  readonly onSent: () => void;
};

/** A unary call that came over HTTP/1. */
export function fromHttp1(
  route: UnaryRoute,
  exchange: Exchange,
  { request, response, common, onSent }: UnaryExchange,
): UnaryInbound {
  return {
    route,
    exchange,
    httpVersion: request.httpVersion,
    toUrl: () => new URL(request.url ?? "", `${scheme(request)}://${request.headers.host}`).href,
    toHeaders: () => toHeaders(request.headers, route.encoding.protocol),
    source: request,
    send({ status, headers, body }) {
      // Headers that are set before this one would make Node go the long way.
      response.writeHead(status, { ...common, ...headers });
      response.end(body ?? undefined);
      onSent();
    },
    breakOff: () => response.destroy(),
  };
}

function scheme({ socket }: IncomingMessage): "http" | "https" {
  return "encrypted" in socket && socket.encrypted ? "https" : "http";
}
