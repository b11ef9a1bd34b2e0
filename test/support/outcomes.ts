/** What became of a call, in a shape in which two of them can be held against each other. */
import { type DescMessage, type JsonValue, type Message, type MessageShape, toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type CaughtRefusal, takeApart } from "./refusals.ts";

/** A refusal in every part that a client gets to see. */
export type WholeRefusal = CaughtRefusal & { readonly descriptions: readonly string[] };

/** An answer, or the refusal that came instead. */
export type Outcome =
  | { readonly answer: JsonValue; readonly refusal: null }
  | { readonly answer: null; readonly refusal: WholeRefusal };

/** The outcome of a call that answers with a message of this kind. */
export async function outcomeOf<Desc extends DescMessage>(
  output: Desc,
  call: Promise<MessageShape<Desc> & Message>,
): Promise<Outcome> {
  try {
    return { answer: toJson(output, await call), refusal: null };
  } catch (error) {
    return { answer: null, refusal: wholeRefusalOf(ConnectError.from(error)) };
  }
}

/** All that an error tells its client. */
export function wholeRefusalOf(error: ConnectError): WholeRefusal {
  const [badRequest] = error.findDetails(BadRequestSchema);
  const descriptions = badRequest?.fieldViolations.map(({ description }) => description) ?? [];
  return { ...takeApart(error), descriptions };
}

/** Code, reason and the fields at fault, in a line. */
export function summaryOf({ code, reason, fields }: CaughtRefusal): string {
  return [code, reason, ...new Set(fields)].join(" ");
}

/** Names of what every instance makes up for itself. */
const OWN =
  /^(?:id|kid|logId|number|apiKey|accessToken|refreshToken|\w*Id|\w*Time|\w*ExpiresAt|asOf|cacheFor|nextPageToken)$/;

/** The outcome without what differs between instances that have been through the same. */
export function comparable({ answer, refusal }: Outcome): unknown {
  return refusal ?? withoutOwn(answer);
}

function withoutOwn(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutOwn);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, OWN.test(name) ? typeof item : withoutOwn(item)]),
  );
}

/** The texts that an answer has under this name, at any depth. */
export function textsIn(answer: JsonValue, name: string): readonly string[] {
  if (typeof answer !== "object" || answer === null) return [];
  if (Array.isArray(answer)) return answer.flatMap((item) => textsIn(item, name));
  return Object.entries(answer).flatMap(([key, value]) => {
    if (key !== name) return textsIn(value, name);
    return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");
  });
}
