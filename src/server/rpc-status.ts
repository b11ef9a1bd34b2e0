/** The status of an RPC, read off its answer: for those of which nobody inside has told. */
import { Code } from "@connectrpc/connect";
import { codeFromString, endStreamFlag } from "@connectrpc/connect/protocol-connect";
import type { Answered } from "./exchange.ts";

/** Codes of unary Connect answers (Connect protocol, "Error Codes"), and of those given before any protocol speaks. */
const BY_HTTP_STATUS: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  409: Code.Aborted,
  415: Code.InvalidArgument,
  429: Code.ResourceExhausted,
  499: Code.Canceled,
  500: Code.Internal,
  501: Code.Unimplemented,
  503: Code.Unavailable,
  504: Code.DeadlineExceeded,
  505: Code.Unimplemented,
};

/** Flag of the frame that carries a gRPC-Web answer's trailers (gRPC-Web, "Protocol differences"). */
const TRAILER_FLAG = 0x80;
/** Flags and length in front of each message. */
const PREFIX_BYTES = 5;

/** Status code as gRPC writes it (`NOT_FOUND`). `null`, no answer, is CANCELLED: the client did not wait for it. */
export function statusOf(answered: Answered | null): string {
  if (answered === null) return "CANCELLED";
  const code = codeOf(answered);
  if (code === null) return "OK";
  if (code === Code.Canceled) return "CANCELLED";
  return (Code[code] ?? "Unknown").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

/** `null` for OK. */
function codeOf({ status, header, trailer, last }: Answered): Code | null {
  const told = trailer?.get("grpc-status") ?? header?.get("grpc-status") ?? grpcWebStatus(last);
  if (told !== null) return told === "0" ? null : Number(told);
  if (status !== 200) return BY_HTTP_STATUS[status] ?? Code.Unknown;
  return connectStreamError(last);
}

function grpcWebStatus(last: Uint8Array | null): string | null {
  if (last?.[0] !== TRAILER_FLAG) return null;
  return textOf(last).match(/^grpc-status: *(\d+)/im)?.[1] ?? null;
}

/** The error in the last message of a Connect stream; a unary answer begins with no such flag. */
function connectStreamError(last: Uint8Array | null): Code | null {
  if (last?.[0] !== endStreamFlag) return null;
  const name = textOf(last).match(/^\{"error":\{"code":"([a-z_]+)"/)?.[1];
  return name === undefined ? null : (codeFromString(name) ?? Code.Unknown);
}

function textOf(message: Uint8Array): string {
  return Buffer.from(message.subarray(PREFIX_BYTES)).toString("latin1");
}
