/** What a unary call is answered with, in the words of each protocol. */
import type { ConnectError } from "@connectrpc/connect";
import { mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { WholeAnswer } from "../wire.ts";
import type { Encoding } from "./encodings.ts";
import { toFrame, toWebBody } from "./envelope.ts";
import type { Metadata } from "./seen-by-rpc.ts";

const OK_TRAILERS = { "grpc-status": "0" };
const OK_WEB_TRAILERS = Buffer.from("grpc-status: 0\r\n");

/** The answer of a call that succeeded. */
export function succeeded(encoding: Encoding, message: Uint8Array, metadata: Metadata): WholeAnswer {
  const { protocol, contentType } = encoding;
  const hasMetadata = metadata.header !== null || metadata.trailer !== null;
  if (protocol === "connect") {
    const headers = hasMetadata ? muxed(metadata) : {};
    return { status: 200, headers: { ...headers, ...sized(contentType, message) }, body: message, trailers: null };
  }
  const headers = { ...plain(metadata.header), "content-type": contentType };
  if (protocol === "grpc") {
    const trailers = metadata.trailer === null ? OK_TRAILERS : { ...plain(metadata.trailer), ...OK_TRAILERS };
    return { status: 200, headers, body: toFrame(message), trailers };
  }
  const trailers = metadata.trailer === null ? OK_WEB_TRAILERS : webTrailers(metadata.trailer, null);
  return { status: 200, headers, body: toWebBody(message, trailers), trailers: null };
}

/** The answer of a call that failed. */
export function failed(
  encoding: Pick<Encoding, "protocol" | "contentType">,
  error: ConnectError,
  metadata: Metadata,
): WholeAnswer {
  const { protocol, contentType } = encoding;
  if (protocol === "connect") {
    const body = errorToJsonBytes(error, undefined);
    const header = new Headers(metadata.header ?? undefined);
    if (!error.isWireError) mergeNonProtocolHeaders(header, error.metadata);
    const headers = muxed({ header, trailer: metadata.trailer });
    const status = codeToHttpStatus(error.code);
    return { status, headers: { ...headers, ...sized("application/json", body) }, body, trailers: null };
  }
  const headers = { ...plain(metadata.header), "content-type": contentType };
  if (protocol === "grpc") {
    const trailers = plain(setTrailerStatus(new Headers(metadata.trailer ?? undefined), error));
    return { status: 200, headers, body: null, trailers };
  }
  const body = toWebBody(null, webTrailers(metadata.trailer, error));
  return { status: 200, headers, body, trailers: null };
}

function webTrailers(metadata: Headers | null, error: ConnectError | null): Uint8Array {
  return trailerSerialize(setTrailerStatus(new Headers(metadata ?? undefined), error ?? undefined));
}

/** Connect sends trailers as headers (Connect protocol, "Unary-Response"). */
function muxed({ header, trailer }: Metadata): Record<string, string> {
  return plain(trailerMux(header ?? new Headers(), trailer ?? new Headers()));
}

function sized(contentType: string, body: Uint8Array): Record<string, string> {
  return { "content-type": contentType, "content-length": String(body.length) };
}

function plain(headers: Headers | null): Record<string, string> {
  return headers === null ? {} : Object.fromEntries(headers);
}
