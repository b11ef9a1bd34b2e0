/** Refuses a call of an RPC that is not served here, in the words of the caller's protocol. */
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { endStreamFlag, errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { toConnectError } from "../error-details.ts";
import { Refusal } from "../errors.ts";
import type { Protocol } from "./protocol.ts";
import { answer, answerJson, type ResponseSink, type WireRequest } from "./wire.ts";

/** True if a path has the shape of an RPC's: `/package.Service/Method`. */
export function isRpcPath(path: string): boolean {
  return /^\/[^/]+\/[^/]+$/.test(path);
}

/** Answers a call with RPC_UNKNOWN, so that the client of any protocol sees its code; to Connect also with 404. */
export function refuseUnknown(request: WireRequest, response: ResponseSink, protocol: Protocol): void {
  const type = request.headers["content-type"] ?? "";
  const error = toConnectError(new Refusal("RPC_UNKNOWN"));
  if (protocol !== "connect") {
    // A status without a message before it goes into the headers (gRPC over HTTP/2, "Responses").
    const status = Object.fromEntries(setTrailerStatus(new Headers(), error));
    answer(response, 200, { "content-type": `application/${protocol}+proto`, ...status });
  } else if (type.toLowerCase().startsWith("application/connect+")) {
    const end = Buffer.from(JSON.stringify({ error: errorToJson(error, undefined) }));
    answer(response, 200, { "content-type": type }, encodeEnvelope(endStreamFlag, end));
  } else {
    answerJson(request, response, 404, errorToJson(error, undefined));
  }
}
