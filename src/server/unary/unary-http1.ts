import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "../exchange.ts";
import type { WholeAnswer } from "../wire.ts";
import { toHeaders } from "./request-headers.ts";
import type { UnaryInbound, UnaryRoute } from "./unary-call.ts";

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
      const text = asText(body);
      const size = { "content-length": String(text.length) };
      // Headers that are set before this one would make Node go the long way.
      response.writeHead(status, { ...common, ...headers, ...size });
      response.end(text, "latin1");
      onSent();
    },
    breakOff: () => response.destroy(),
  };
}

/** A character for each byte: Node writes text together with the headers, and bytes after them. */
function asText(body: WholeAnswer["body"]): string {
  if (body === null || typeof body === "string") return body ?? "";
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
}

function scheme({ socket }: IncomingMessage): "http" | "https" {
  return "encrypted" in socket && socket.encrypted ? "https" : "http";
}
