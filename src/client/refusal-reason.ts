/** Why a call was refused, read from the details of its error. */
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { NextStep } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import { ErrorReason } from "../../gen/sallyport/auth/v1/error_reason_pb.ts";

/** A value of `ErrorReason`, without its prefix; `UNKNOWN` for one that this version does not know. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED"> | "UNKNOWN";

/** What Sallyport, or a guard that speaks its contract, said with a refusal. */
export type RefusalReason = {
  readonly reason: Reason;
  /** What to do; `NONE` where nothing that a client does will help. */
  readonly nextStep: Exclude<keyof typeof NextStep, "UNSPECIFIED">;
  /** How long to wait before another try, in milliseconds; `null` if that was not said. */
  readonly retryAfterMs: number | null;
  /** The fields at fault, by their proto paths. */
  readonly fields: readonly { readonly field: string; readonly description: string }[];
};

const DOMAIN = "sallyport";

/**
 * The typed reason of a failed call. `null` if the error carries none: then it came from
 * somewhere on the way, such as the network or a proxy, and says nothing about anybody's session.
 */
export function reasonOf(error: unknown): RefusalReason | null {
  if (!(error instanceof ConnectError)) return null;
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === DOMAIN);
  if (info === undefined) return null;
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    reason: nameIn(ErrorReason, info.reason.replace(/^ERROR_REASON_/, "")) ?? "UNKNOWN",
    nextStep: nameIn(NextStep, (info.metadata.next_step ?? "").replace(/^NEXT_STEP_/, "")) ?? "NONE",
    retryAfterMs: delay === undefined ? null : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    fields: error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations),
  };
}

function nameIn<Names extends object>(names: Names, name: string): Exclude<keyof Names, "UNSPECIFIED"> | null {
  const isName = (text: PropertyKey): text is Exclude<keyof Names, "UNSPECIFIED"> =>
    text !== "UNSPECIFIED" && Object.hasOwn(names, text);
  return isName(name) ? name : null;
}
