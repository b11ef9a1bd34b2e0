/** What a unary call is answered with, in the words of each protocol. */
import type { ConnectError } from "@connectrpc/connect";
import { mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { WholeAnswer } from "../wire.ts";
import type { Encoding } from "./encodings.ts";
import { closeFrame, toTrailersFrame } from "./envelope.ts";
import type { Metadata } from "./seen-by-rpc.ts";

/** The trailers of nearly every call that succeeds: known by being this very object. */
export const OK_TRAILERS = Object.freeze({ "grpc-status": "0" });
const OK_WEB_TRAILERS = toTrailersFrame(Buffer.from("grpc-status: 0\r\n"));

/** The answer of a call that succeeded. `message`: behind room for its frame, where the protocol has frames. */
export function succeeded(encoding: Encoding, message: Uint8Array | string, metadata: Metadata): WholeAnswer {
  const { protocol, contentType, plainHeaders } = encoding;
  const hasMetadata = metadata.header !== null || metadata.trailer !== null;
  if (protocol === "connect") {
    const headers = hasMetadata ? muxed(metadata) : {};
    const body = typeof message === "string" ? asciiOrBytes(message) : message;
    return { status: 200, headers: { ...headers, ...sized(contentType, body) }, body, trailers: null };
  }
  if (typeof message === "string") throw new TypeError("text has no frame");
  const headers = metadata.header === null ? plainHeaders : { ...plain(metadata.header), "content-type": contentType };
  if (protocol === "grpc") {
    const trailers = metadata.trailer === null ? OK_TRAILERS : { ...plain(metadata.trailer), ...OK_TRAILERS };
    return { status: 200, headers, body: closeFrame(message), trailers };
  }
  const trailers = metadata.trailer === null ? OK_WEB_TRAILERS : webTrailers(metadata.trailer, null);
  return { status: 200, headers, body: Buffer.concat([closeFrame(message), trailers]), trailers: null };
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
  return { status: 200, headers, body: webTrailers(metadata.trailer, error), trailers: null };
}

function webTrailers(metadata: Headers | null, error: ConnectError | null): Uint8Array {
  return toTrailersFrame(trailerSerialize(setTrailerStatus(new Headers(metadata ?? undefined), error ?? undefined)));
}

/** Connect sends trailers as headers (Connect protocol, "Unary-Response"). */
function muxed({ header, trailer }: Metadata): Record<string, string> {
  return plain(trailerMux(header ?? new Headers(), trailer ?? new Headers()));
}

/** Text goes out in one write with the headers before it, if every character is a byte. */
function asciiOrBytes(text: string): Uint8Array | string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text);
}

function sized(contentType: string, body: Uint8Array | string): Record<string, string> {
  return { "content-type": contentType, "content-length": String(body.length) };
}

function plain(headers: Headers | null): Record<string, string> {
  return headers === null ? {} : Object.fromEntries(headers);
}
