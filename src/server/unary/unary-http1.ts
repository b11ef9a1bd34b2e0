import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "../exchange.ts";
import { toHeaders } from "./request-headers.ts";
import type { UnaryInbound, UnaryRoute } from "./unary-adapter.ts";

/** A unary call that came over HTTP/1. `onSent` is called when its answer is on its way. */
export function fromHttp1(
  route: UnaryRoute,
  exchange: Exchange,
  { request, response, onSent }: { request: IncomingMessage; response: ServerResponse; onSent: () => void },
): UnaryInbound {
  return {
    route,
    exchange,
    httpVersion: request.httpVersion,
    toUrl: () => new URL(request.url ?? "", `${scheme(request)}://${request.headers.host}`).href,
    toHeaders: () => toHeaders(request.headers, route.encoding.protocol),
    source: request,
    send({ status, headers, body }) {
      response.writeHead(status, headers);
      response.end(body ?? undefined);
      onSent();
    },
    breakOff: () => response.destroy(),
  };
}

function scheme({ socket }: IncomingMessage): "http" | "https" {
  return "encrypted" in socket && socket.encrypted ? "https" : "http";
}
