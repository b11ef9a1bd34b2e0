/** What a refused call carried. */
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/** A refusal, taken apart. */
export type CaughtRefusal = {
  readonly code: string;
  readonly reason: string | null;
  readonly message: string;
  readonly nextStep: string | null;
  readonly fields: readonly string[];
  readonly retryDelayMs: number | null;
};

/** The refusal of a call; fails if the call succeeds. */
export async function refusalOf(call: Promise<unknown>): Promise<CaughtRefusal> {
  try {
    await call;
  } catch (error) {
    return takeApart(ConnectError.from(error));
  }
  throw new Error("the call succeeded, but was to be refused");
}

/** What an error carries. */
export function takeApart(error: ConnectError): CaughtRefusal {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [badRequest] = error.findDetails(BadRequestSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const delay = retry?.retryDelay;
  return {
    code: Code[error.code],
    reason: info?.reason.replace(/^ERROR_REASON_/, "") ?? null,
    message: error.rawMessage,
    nextStep: info?.metadata.next_step ?? null,
    fields: badRequest?.fieldViolations.map(({ field }) => field) ?? [],
    retryDelayMs: delay === undefined ? null : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
  };
}
