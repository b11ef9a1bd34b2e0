import { constants, type IncomingHttpHeaders, type ServerHttp2Stream, sensitiveHeaders } from "node:http2";
import type { Exchange } from "../exchange.ts";
import { endEarly, hasArrived } from "../request-body.ts";
import type { WholeAnswer } from "../wire.ts";
import { endWith, type SendTrailers } from "./one-write.ts";
import { toHeaders } from "./request-headers.ts";
import type { UnaryInbound, UnaryRoute } from "./unary-call.ts";

/** A stream of HTTP/2 that carries a unary call. */
export type UnaryStream = {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Headers of the answer, whatever it is. */
  readonly common: Headers;
  /** The server's own, since it knows how Node has sent them before. */
  readonly sendTrailers: SendTrailers;
  /** How long the rest of a request is waited for that was answered early. */
  readonly lingerMs: number;
};

/**
 * A unary call that came over HTTP/2, without what Node would make for it to look like HTTP/1. A class as `UnaryRun` is one.
 */
export class Http2Inbound implements UnaryInbound {
  readonly route: UnaryRoute;
  readonly exchange: Exchange;
  readonly httpVersion = "2.0";
  readonly source: ServerHttp2Stream;
  readonly #from: UnaryStream;

  constructor(route: UnaryRoute, exchange: Exchange, from: UnaryStream) {
    this.route = route;
    this.exchange = exchange;
    this.source = from.stream;
    this.#from = from;
  }

  toUrl(): string {
    const { headers, stream } = this.#from;
    return new URL(headers[":path"] ?? "", `${scheme(stream)}://${headers[":authority"] ?? headers.host}`).href;
  }

  toHeaders(): globalThis.Headers {
    return toHeaders(this.#from.headers, this.route.encoding.protocol);
  }

  send({ status, headers, body, trailers }: WholeAnswer): void {
    const { stream, common, sendTrailers, lingerMs } = this.#from;
    if (stream.closed || stream.destroyed) return;
    stream.respond(listOf(status, common, headers), { waitForTrailers: trailers !== null });
    if (trailers !== null) stream.on("wantTrailers", () => sendTrailers(stream, trailers));
    if (hasArrived(stream) && stream.readableLength === 0) {
      endWith(stream, body);
      return;
    }
    stream.end(body ?? undefined);
    // Left by a read that was given up; it would keep the rest from being dropped.
    stream.removeAllListeners("readable");
    endEarly(stream, { source: stream, response: stream, lingerMs });
  }

  breakOff(): void {
    this.source.close(constants.NGHTTP2_CANCEL);
  }
}

/**
 * What HPACK never puts into its table (RFC 7541 section 6.2.3): no two requests have the same id, and each would push
 * something out that may come again.
 */
const NEVER_INDEXED = { [sensitiveHeaders]: ["x-request-id"] };

/** Names and values in turn: Node would take an object apart again. Where both name a header, the answer's own counts. */
function listOf(status: number, common: Headers, headers: Headers): readonly string[] {
  const list = Object.assign([":status", String(status)], NEVER_INDEXED);
  for (const name in headers) list.push(name, headers[name] ?? "");
  for (const name in common) if (!(name in headers)) list.push(name, common[name] ?? "");
  return list;
}

type Headers = Readonly<Record<string, string>>;

/** What the connection speaks, whatever the client claims. */
function scheme({ session }: ServerHttp2Stream): "http" | "https" {
  return session?.encrypted ? "https" : "http";
}
