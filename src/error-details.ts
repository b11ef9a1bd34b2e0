/**
 * Refusals as Connect errors: a status code and the details of the google.rpc error
 * model (AIP-193). The private cause stays behind.
 */

import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { REASONS, type Reason, type Refusal } from "./errors.ts";
import { withoutStack } from "./lib/without-stack.ts";

/** Who defines the reasons in `ErrorInfo`. */
export const ERROR_DOMAIN = "sallyport";

/** The full name of a reason's value in the proto enum. */
export function reasonName(reason: Reason): string {
  return `ERROR_REASON_${reason}`;
}

/** What goes over the wire for a refusal. */
export function toConnectError(refusal: Refusal): ConnectError {
  const { reason, message, fields, retryAfterMs } = refusal;
  const entry = REASONS[reason];
  const metadata: Record<string, string> = "nextStep" in entry ? { next_step: `NEXT_STEP_${entry.nextStep}` } : {};
  const error = withoutStack(() => new ConnectError(message, Code[entry.code]));
  error.details.push({
    desc: ErrorInfoSchema,
    value: { reason: reasonName(reason), domain: ERROR_DOMAIN, metadata },
  });
  if (fields.length > 0) error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [...fields] } });
  if (retryAfterMs !== null) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(Math.ceil(retryAfterMs)) } });
  }
  return error;
}
