/**
 * Requests that nobody inside has seen, because the library could not read them:
 * they are refused with a reason and the fields at fault, like any other.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromHttpStatus, errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { type FieldViolation, Refusal } from "../errors.ts";
import type { Protocol } from "./protocol.ts";

/** An answer of the library, its body collected. */
export type CollectedAnswer = {
  readonly status: number;
  readonly header: Headers;
  readonly trailer: Headers | null;
  readonly chunks: readonly Uint8Array[];
};

/** Flags and length in front of each message. */
const PREFIX_BYTES = 5;

/** What the library tells the client, or `null` if that is no status of an RPC. */
export function errorIn(answer: CollectedAnswer, protocol: Protocol): ConnectError | null {
  const { status, header, trailer, chunks } = answer;
  if (protocol === "grpc") return findTrailerError(trailer ?? header) ?? null;
  const last = chunks.at(-1);
  if (last === undefined) return null;
  if (protocol === "grpc-web") {
    return last[0] === trailerFlag ? (findTrailerError(trailerParse(last.subarray(PREFIX_BYTES))) ?? null) : null;
  }
  if (status === 200 || header.get("content-type") !== "application/json") return null;
  return errorFromJsonBytes(Buffer.concat(chunks), undefined, new ConnectError("", codeFromHttpStatus(status)));
}

/** Why the request is refused, or `null` if the library has said all that there is to say. */
export function unreadRefusal({ code, rawMessage }: ConnectError): Refusal | null {
  switch (code) {
    // The library takes a message that cannot be parsed for a fault of ours; every caller could make us raise alarms.
    case Code.Internal:
      return unreadable();
    case Code.InvalidArgument:
      return new Refusal("REQUEST_INVALID", { message: rawMessage, fields: fieldsIn(rawMessage) });
    case Code.ResourceExhausted:
      return new Refusal("REQUEST_TOO_LARGE");
    case Code.Unimplemented:
      return new Refusal("COMPRESSION_UNSUPPORTED", { message: rawMessage });
    case Code.DeadlineExceeded:
      return new Refusal("DEADLINE_EXCEEDED");
    default:
      return null;
  }
}

/** A body of which there is nothing better to say. */
export function unreadable(): Refusal {
  return new Refusal("REQUEST_INVALID", {
    message: "the body of the request cannot be read as the message that this RPC takes",
  });
}

/** The field that the library's words name: `cannot decode field shop.v1.Order.amount from JSON: …`. */
function fieldsIn(message: string): readonly FieldViolation[] {
  const [, field, description] = /cannot decode field (?:[\w.]+\.)?(\w+) from JSON(?:: (.*))?/s.exec(message) ?? [];
  return field === undefined ? [] : [{ field, description: description || message }];
}
