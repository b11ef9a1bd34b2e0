/** `BatchAuthorize`: many questions, each answered or refused by itself. */
import { create } from "@bufbuild/protobuf";
import {
  type AuthorizeRequest,
  AuthorizeRequestSchema,
  type BatchAuthorizeItem,
  type BatchAuthorizeRequest,
  type BatchAuthorizeResponse,
  BatchAuthorizeResponseSchema,
  type BatchAuthorizeResult,
  BatchAuthorizeResultSchema,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { ErrorReason } from "../../gen/sallyport/auth/v1/error_reason_pb.ts";
import { invalidField, Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { Authorize } from "./authorize.ts";
import { violationsOf } from "./validate.ts";

/** Answers each item as `authorize` would, in their order. @throws Refusal REQUEST_INVALID for a correlation id used twice. */
export async function batchAuthorize(
  { items }: BatchAuthorizeRequest,
  authorize: Authorize,
  patience: Patience,
): Promise<BatchAuthorizeResponse> {
  const ids = items.map(({ correlationId }) => correlationId);
  const repeated = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (repeated !== -1) throw invalidField(`items[${repeated}].correlation_id`, "must be unique in the batch");
  const results = await Promise.all(items.map((item) => answer(item, authorize, patience)));
  return create(BatchAuthorizeResponseSchema, { results });
}

async function answer(
  item: BatchAuthorizeItem,
  authorize: Authorize,
  patience: Patience,
): Promise<BatchAuthorizeResult> {
  const { correlationId } = item;
  try {
    const response = await authorize(bounded(item.request), patience);
    return create(BatchAuthorizeResultSchema, { correlationId, outcome: { case: "response", value: response } });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { reason, message, fields } = error;
    const value = { reason: ErrorReason[reason], message, fields: fields.map(({ field }) => field) };
    return create(BatchAuthorizeResultSchema, { correlationId, outcome: { case: "error", value } });
  }
}

function bounded(request: AuthorizeRequest | undefined): AuthorizeRequest {
  if (request === undefined) throw invalidField("request", "must be set");
  const [violation] = violationsOf(AuthorizeRequestSchema, request);
  if (violation !== undefined) throw invalidField(violation.field, violation.description);
  return request;
}
