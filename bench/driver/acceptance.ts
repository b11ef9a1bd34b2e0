/** Is this the answer that was hoped for? */
import type { Acceptance, Answer } from "./job.ts";

/** The code of gRPC for "too much, come back later". */
const RESOURCE_EXHAUSTED = "8";

/** What is wrong with the answer; `null` if nothing is. */
export function faultOf(answer: Answer, { status, bytes, at }: Acceptance): string | null {
  if (answer.status !== 200) return `HTTP status ${answer.status}: ${preview(answer.body)}`;
  if (status === "grpc-or-busy" && answer.grpcStatus === RESOURCE_EXHAUSTED) return null;
  if ((status === "grpc" || status === "grpc-or-busy") && answer.grpcStatus !== "0") {
    return `grpc-status ${answer.grpcStatus}: ${answer.trailers["grpc-message"] ?? answer.headers["grpc-message"] ?? ""}`;
  }
  if (status === "grpc-web" && statusInBody(answer.body) !== "0") return `grpc-web status ${statusInBody(answer.body)}`;
  // Denied is an answer too, and a cheaper one.
  if (!answer.body.subarray(at, at + bytes.length).equals(bytes)) {
    return `an answer that says something else: ${preview(answer.body)}`;
  }
  return null;
}

/** `grpc-status` in the trailers of gRPC-Web, which are the last frame of the body; `null` if there is none. */
function statusInBody(body: Buffer): string | null {
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if ((body[at] ?? 0) & 0x80) {
      return /^grpc-status:\s*(\d+)/im.exec(body.toString("latin1", at + 5, end))?.[1] ?? null;
    }
    at = end;
  }
  return null;
}

function preview(body: Buffer): string {
  return JSON.stringify(body.toString("latin1", 0, 200));
}
