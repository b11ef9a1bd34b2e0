import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Exchange } from "../exchange.ts";
import { endEarly } from "../request-body.ts";
import type { WholeAnswer } from "../wire.ts";
import { toHeaders } from "./raw-headers.ts";
import type { UnaryInbound, UnaryRoute } from "./unary-adapter.ts";

/** A stream of HTTP/2 that carries a unary call. */
export type UnaryStream = {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** Headers of the answer, whatever it is. */
  readonly common: Readonly<Record<string, string>>;
  /** How long the rest of a request is waited for that was answered early. */
  readonly lingerMs: number;
};

/** A unary call that came over HTTP/2, without what Node would make for it to look like HTTP/1. */
export function fromHttp2(route: UnaryRoute, exchange: Exchange, from: UnaryStream): UnaryInbound {
  const { stream, headers, rawHeaders } = from;
  return {
    route,
    exchange,
    httpVersion: "2.0",
    url: `${headers[":scheme"]}://${headers[":authority"] ?? headers.host ?? ""}${headers[":path"]}`,
    toHeaders: () => toHeaders(rawHeaders),
    source: stream,
    send: (answer) => send(answer, from),
    breakOff: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}

function send({ status, headers, body, trailers }: WholeAnswer, { stream, common, lingerMs }: UnaryStream): void {
  if (stream.closed || stream.destroyed) return;
  stream.respond({ ":status": status, ...common, ...headers }, { waitForTrailers: trailers !== null });
  if (trailers !== null) stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body ?? undefined);
  if (!stream.readableEnded) endEarly(stream, stream, lingerMs);
}
