/** Puts the blame for a body that cannot be read where it belongs. */
import { createAsyncIterable, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { statusOf } from "./rpc-status.ts";

/**
 * Looks at the answer to a unary call that no interceptor has seen. The library
 * calls it INTERNAL when a message cannot be parsed or unpacked, as if the fault
 * were ours; every caller could make us raise alarms.
 * @returns the answer, or `null` if it is INTERNAL: then the body was at fault.
 */
export async function unlessMisread(answer: UniversalServerResponse): Promise<UniversalServerResponse | null> {
  const { status, header = null, trailer = null } = answer;
  const chunks: Uint8Array[] = [];
  // An error is one message at most, and it is there already.
  for await (const chunk of answer.body ?? []) chunks.push(chunk);
  const code = statusOf({ status, header, trailer, last: chunks.at(-1) ?? null });
  return code === "INTERNAL" ? null : { ...answer, body: createAsyncIterable(chunks) };
}

/**
 * The answer, or `null` if the library cannot put into words what is wrong with
 * the body: its message repeats the body, and half of a surrogate pair cannot be
 * percent-encoded for gRPC.
 */
export async function unlessUnsayable(
  answer: Promise<UniversalServerResponse>,
): Promise<UniversalServerResponse | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
