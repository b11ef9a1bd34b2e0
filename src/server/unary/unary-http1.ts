import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "../exchange.ts";
import { toHeaders } from "./raw-headers.ts";
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
    url: `http://${request.headers.host ?? ""}${request.url ?? ""}`,
    toHeaders: () => toHeaders(request.rawHeaders),
    source: request,
    send({ status, headers, body }) {
      response.writeHead(status, headers);
      response.end(body ?? undefined);
      onSent();
    },
    breakOff: () => response.destroy(),
  };
}
