/** Answers as the agreement suite compares them: without what may differ between two servers that agree. */
import { gunzipSync } from "node:zlib";

/** An answer as it came, or as much of it as came. */
export type Received = {
  /** `null`: none. */
  readonly status: number | null;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly trailers: Record<string, string>;
  /** Statuses that came before it, such as 100. */
  readonly informational: readonly number[];
  /** How it ended. */
  readonly end: "whole" | "cut off" | `reset with ${number}`;
};

/** What is compared. */
export type Told = Omit<Received, "body" | "headers"> & {
  readonly headers: Record<string, string>;
  readonly hasRequestId: boolean;
  /** Bodies of Connect and pages as text; messages and trailers of the others one by one. Nothing is compressed. */
  readonly body: string | readonly Piece[];
};

type Piece = { readonly flags: number; readonly data: string } | { readonly trailers: Record<string, string> };

/**
 * Names of headers that tell of the connection, the moment or the size, and of compression: an answer without it is
 * always allowed (docs/decisions, "Two adapters, one behaviour").
 */
const NOT_COMPARED: ReadonlySet<string> = new Set([
  "date",
  "x-request-id",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "content-encoding",
  "grpc-encoding",
]);

/** What an answer tells. */
export function readAnswer({ headers, body, ...rest }: Received): Told {
  const compared = Object.entries(headers).filter(([name]) => !NOT_COMPARED.has(name));
  const isFramed = headers["content-type"]?.startsWith("application/grpc") ?? false;
  return {
    ...rest,
    headers: Object.fromEntries(compared),
    hasRequestId: headers["x-request-id"] !== undefined,
    body: isFramed ? readPieces(body) : unpacked(body, headers["content-encoding"] === "gzip").toString("latin1"),
  };
}

function readPieces(body: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < body.length; ) {
    const flags = body[at] ?? 0;
    const end = at + 5 + (at + 5 <= body.length ? body.readUInt32BE(at + 1) : 0);
    const data = unpacked(body.subarray(at + 5, end), (flags & 1) === 1).toString("latin1");
    pieces.push((flags & 0x80) === 0 ? { flags: flags & ~1, data } : { trailers: readTrailers(data) });
    at = end;
  }
  return pieces;
}

function readTrailers(text: string): Record<string, string> {
  const lines = text.split("\r\n").filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
}

function unpacked(bytes: Buffer, isPacked: boolean): Buffer {
  return isPacked ? gunzipSync(bytes) : bytes;
}

/** The status of an RPC in an answer: a number in gRPC and gRPC-Web, a name in Connect; "0" is OK. */
export function statusIn({ status, trailers, headers, body }: Told): string {
  const inTrailers = trailers["grpc-status"] ?? headers["grpc-status"];
  if (inTrailers !== undefined) return inTrailers;
  if (typeof body !== "string") {
    const last = body.at(-1);
    return (last && "trailers" in last && last.trailers["grpc-status"]) || "none";
  }
  if (status === 200) return "0";
  const { code }: { code?: string } = body.startsWith("{") ? JSON.parse(body) : {};
  return code ?? `HTTP ${status}`;
}

/** Reads what came over HTTP/1; `null` if more is to come. */
export function readHttp1(bytes: Buffer, isHead: boolean): Received | null {
  const informational: number[] = [];
  for (let at = 0; ; ) {
    const headEnd = bytes.indexOf("\r\n\r\n", at);
    if (headEnd === -1) return null;
    const [first = "", ...fields] = bytes.toString("latin1", at, headEnd).split("\r\n");
    const status = Number(first.split(" ")[1]);
    at = headEnd + 4;
    if (status < 200) {
      informational.push(status);
      continue;
    }
    const headers = readFields(fields);
    const given = readBody(bytes.subarray(at), headers, isHead || status === 204);
    return given && { status, headers, ...given, informational, end: "whole" };
  }
}

function readFields(lines: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(":")).toLowerCase();
    const value = line.slice(line.indexOf(":") + 1).trim();
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  }
  return fields;
}

function readBody(bytes: Buffer, headers: Record<string, string>, isNone: boolean) {
  const length = Number(headers["content-length"] ?? 0);
  if (isNone) return { body: Buffer.alloc(0), trailers: {} };
  if (headers["transfer-encoding"] !== "chunked") {
    return bytes.length < length ? null : { body: bytes.subarray(0, length), trailers: {} };
  }
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) {
      const rest = bytes.toString("latin1", at);
      if (!rest.endsWith("\r\n")) return null;
      return { body: Buffer.concat(chunks), trailers: readFields(rest.split("\r\n").filter((line) => line !== "")) };
    }
    if (bytes.length < at + size + 2) return null;
    chunks.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}
