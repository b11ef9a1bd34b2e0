import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { toConnectError } from "../../error-details.ts";
import type { Refusal } from "../../errors.ts";

/** Where gRPC carries the details of a status, as the bytes of a `google.rpc.Status`. */
const DETAILS = "grpc-status-details-bin";

/** A refusal as the status of a call, with the same details that Connect would send. */
export function statusOf(refusal: Refusal): StatusObject {
  const error = toConnectError(refusal);
  const metadata = new Metadata();
  const details = setTrailerStatus(new Headers(), error).get(DETAILS);
  if (details !== null) metadata.set(DETAILS, Buffer.from(details, "base64"));
  // The codes are gRPC's, in both libraries.
  const code: number = error.code;
  return { code, details: error.rawMessage, metadata };
}
