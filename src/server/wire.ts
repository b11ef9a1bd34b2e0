/** A request and its answer, whichever HTTP version they came by. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";

/** A request of `node:http` or `node:http2`. */
export type WireRequest = IncomingMessage | Http2ServerRequest;

/** The answer to a {@link WireRequest}. */
export type WireResponse = ServerResponse | Http2ServerResponse;

/** What is used of a {@link WireResponse} in order to answer: the part on which both HTTP versions agree. */
export type ResponseSink = {
  statusCode: number;
  readonly headersSent: boolean;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  write(chunk: Uint8Array | string): boolean;
  addTrailers(trailers: Record<string, string>): unknown;
  end(chunk?: Uint8Array | string): unknown;
  once(event: "close" | "drain", listener: () => void): unknown;
  off(event: "close" | "drain", listener: () => void): unknown;
};

/** An answer in one piece. */
export type WholeAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes, or text in ASCII; `null`: none at all. */
  readonly body: Uint8Array | string | null;
  /** HTTP trailers; `null` for a protocol that has none. */
  readonly trailers: Readonly<Record<string, string>> | null;
};

/** Takes a request and answers it, now or later. */
export type RequestHandler = (request: WireRequest, response: WireResponse) => void;

/** The path of a request, without the query, which may hold anything, is never kept, and counts for `/forward-auth` alone. */
export function pathOf(request: WireRequest): string {
  const url = request.url ?? "";
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

/** Answers in one piece. `headers` join those that are set on the response already. */
export function answer(
  response: ResponseSink,
  status: number,
  headers: Readonly<Record<string, string>>,
  body?: Uint8Array | string,
): void {
  response.statusCode = status;
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) response.setHeader(name, value);
  }
  response.end(body);
}

/** Answers in one piece, with trailers where there are any. */
export function sendWhole(response: ResponseSink, { status, headers, body, trailers }: WholeAnswer): void {
  response.writeHead(status, headers);
  if (body !== null) response.write(body);
  if (trailers !== null) response.addTrailers(trailers);
  response.end();
}

/** Answers with a JSON value; to HEAD with its headers alone. */
export function answerJson(request: WireRequest, response: ResponseSink, status: number, value: object): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  const headers = {
    "content-type": "application/json",
    "content-length": String(body.length),
    "cache-control": "no-store",
  };
  answer(response, status, headers, request.method === "HEAD" ? undefined : body);
}

/** Answers that this path is served, but not for this method (RFC 9110 section 15.5.6). */
export function answerMethodNotAllowed(request: WireRequest, response: ResponseSink, allow: string): void {
  response.setHeader("allow", allow);
  answerJson(request, response, 405, { code: "method_not_allowed", message: `use ${allow}` });
}

/** Breaks off an answer that has begun, in such a way that it cannot be taken for a whole one. */
export function breakOff(response: WireResponse): void {
  if ("stream" in response) response.stream.close(constants.NGHTTP2_CANCEL);
  else response.destroy();
}
