/** What answers come to that were read as bytes: the same that a client of a library would make of them. */
import { type DescMessage, fromBinary, fromJsonString, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { comparable, type Outcome, wholeRefusalOf } from "./outcomes.ts";
import type { RawForm } from "./raw-calls.ts";
import type { Answer } from "./wire-raw.ts";

/** An outcome, and a text that is the same for two of them if nothing but what is an instance's own differs. */
export type ReadOutcome = { readonly outcome: Outcome; readonly compared: string };

const PREFIX_BYTES = 5;
const GRPC_FIELDS = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
const UNREADABLE = new ConnectError("the answer is no error that anybody could read", Code.Unknown);

/** Reads the answers of one method in one form. Of answers that are the same to the byte only the first is taken apart. */
export function createOutcomeReader({ isJson, isFramed }: RawForm, output: DescMessage) {
  const known = new Map<string, ReadOutcome>();

  function messageOf(bytes: Uint8Array): Outcome {
    const message = isJson ? fromJsonString(output, Buffer.from(bytes).toString()) : fromBinary(output, bytes);
    return { answer: toJson(output, message), refusal: null };
  }

  function take({ status, body }: Answer, trailer: Headers): Outcome {
    if (!isFramed) {
      if (status === 200) return messageOf(body);
      return { answer: null, refusal: wholeRefusalOf(errorFromJsonBytes(body, undefined, UNREADABLE)) };
    }
    const { message, webTrailer } = framesOf(body);
    const end = webTrailer ?? trailer;
    const error = findTrailerError(end);
    if (error !== undefined) return { answer: null, refusal: wholeRefusalOf(error) };
    if (status !== 200 || end.get("grpc-status") !== "0" || message === null) throw UNREADABLE;
    return messageOf(message);
  }

  return function read(answer: Answer): ReadOutcome {
    const trailer = grpcFieldsOf(answer);
    const key = JSON.stringify([answer.status, ...trailer, answer.body.toString("latin1")]);
    const before = known.get(key);
    if (before !== undefined) return before;
    const outcome = take(answer, new Headers(trailer));
    const found = { outcome, compared: JSON.stringify(comparable(outcome)) };
    known.set(key, found);
    return found;
  };
}

/** The fields that tell a gRPC status: at the end, or at the beginning if there is nothing else. */
function grpcFieldsOf({ headers, trailers }: Answer): [name: string, value: string][] {
  return GRPC_FIELDS.flatMap((name): [string, string][] => {
    const value = trailers[name] ?? headers[name];
    return value === undefined ? [] : [[name, String(value)]];
  });
}

/** The message in a body of frames, and the trailers that gRPC-Web puts behind it. */
function framesOf(body: Buffer): { readonly message: Uint8Array | null; readonly webTrailer: Headers | null } {
  let message: Uint8Array | null = null;
  let webTrailer: Headers | null = null;
  for (let at = 0; at < body.length; ) {
    const [flags, start] = [body.readUInt8(at), at + PREFIX_BYTES];
    const data = body.subarray(start, start + body.readUInt32BE(at + 1));
    if (flags === trailerFlag) webTrailer = trailerParse(data);
    else message = data;
    at = start + data.length;
  }
  return { message, webTrailer };
}
