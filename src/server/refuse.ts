/** Refuses a call before it is one, in the words of the caller's protocol. */
import { Code } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { codeToString, endStreamFlag } from "@connectrpc/connect/protocol-connect";
import type { Protocol } from "./protocol.ts";
import { answer, answerJson, type ResponseSink, type WireRequest } from "./wire.ts";

/** Why a call is refused. `status` is the HTTP status of a unary Connect call. */
type EarlyRefusal = { readonly code: Code; readonly status: number; readonly message: string };

/** There is no RPC at this path. Its status is also what plain HTTP says of a path that is not there. */
export const UNKNOWN_RPC: EarlyRefusal = {
  code: Code.Unimplemented,
  status: 404,
  message: "there is no such RPC here; GET / tells what there is",
};

/** The body is not what this RPC takes. */
export const MISREAD_REQUEST: EarlyRefusal = {
  code: Code.InvalidArgument,
  status: 400,
  message: "the body of the request cannot be read as the message that this RPC takes",
};

/** True if a path has the shape of an RPC's: `/package.Service/Method`. */
export function isRpcPath(path: string): boolean {
  return /^\/[^/]+\/[^/]+$/.test(path);
}

/** Answers a call with an error, so that the client of any protocol sees its code. */
export function refuse(request: WireRequest, response: ResponseSink, protocol: Protocol, refusal: EarlyRefusal): void {
  const type = request.headers["content-type"] ?? "";
  const error = { code: codeToString(refusal.code), message: refusal.message };
  if (protocol !== "connect") {
    answer(response, 200, trailersOnly(protocol, refusal));
  } else if (type.toLowerCase().startsWith("application/connect+")) {
    const end = Buffer.from(JSON.stringify({ error }));
    answer(response, 200, { "content-type": type }, encodeEnvelope(endStreamFlag, end));
  } else {
    answerJson(request, response, refusal.status, error);
  }
}

/** A status without a message before it goes into the headers (gRPC over HTTP/2, "Responses"). */
function trailersOnly(protocol: "grpc" | "grpc-web", { code, message }: EarlyRefusal): Record<string, string> {
  return {
    "content-type": `application/${protocol}+proto`,
    "grpc-status": String(code),
    "grpc-message": encodeURIComponent(message),
  };
}
