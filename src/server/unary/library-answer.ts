/** The library's answer to a unary call, in one piece. */
import { Code, type ContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { toConnectError } from "../../error-details.ts";
import { REASONS, type Refusal } from "../../errors.ts";
import { callKey } from "../../rpc/call.ts";
import { codeName } from "../../rpc/observe.ts";
import { type Answered, answeredWith } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";
import { type CollectedAnswer, errorIn, unreadable, unreadRefusal } from "../unread.ts";
import type { WholeAnswer } from "../wire.ts";
import { failed } from "./answers.ts";

/** A call as the library takes it. */
type LibraryCall = {
  readonly handler: UniversalHandler;
  readonly protocol: Protocol;
  readonly request: UniversalServerRequest & { readonly contextValues: ContextValues };
};

/** An answer, and what the request log reads off it. */
export type Outgoing = { readonly answer: WholeAnswer; readonly answered: Answered };

/**
 * Runs the call through the library's handler. Where nobody inside has seen the
 * request, since it could not be read, the answer is in our words.
 */
export async function answerByLibrary({ handler, protocol, request }: LibraryCall): Promise<Outgoing> {
  const { outcome } = request.contextValues.get(callKey);
  const given = await unlessUnsayable(handler(request));
  if (given === null) return refused(unreadable());
  const collected = await collect(given);
  const error = outcome.code === null ? errorIn(collected, protocol) : null;
  const refusal = error && unreadRefusal(error);
  return refusal === null ? whole(collected) : refused(refusal);

  function refused(refusal: Refusal): Outgoing {
    outcome.code = codeName(Code[REASONS[refusal.reason].code]);
    outcome.reason = refusal.reason;
    const contentType = given?.header?.get("content-type") ?? request.header.get("content-type") ?? "";
    const answer = failed({ protocol, contentType }, toConnectError(refusal), { header: null, trailer: null });
    return { answer, answered: answeredWith(answer.status) };
  }
}

/**
 * `null` if the library cannot put into words what is wrong with the body: its
 * message repeats the body, and half of a surrogate pair cannot be percent-encoded
 * for gRPC.
 */
async function unlessUnsayable(answer: Promise<UniversalServerResponse>): Promise<UniversalServerResponse | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

async function collect({ status, header, body, trailer }: UniversalServerResponse): Promise<CollectedAnswer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return { status, header: header ?? new Headers(), trailer: trailer ?? null, chunks };
}

function whole({ status, header, trailer, chunks }: CollectedAnswer): Outgoing {
  const answer = {
    status,
    headers: Object.fromEntries(header),
    body: chunks.length === 0 ? null : Buffer.concat(chunks),
    trailers: trailer && Object.fromEntries(trailer),
  };
  return { answer, answered: { status, header, trailer, last: chunks.at(-1) ?? null } };
}
