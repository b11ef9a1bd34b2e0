/** Decisions of ours as messages of the contract. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { AuthorizeResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import {
  DenialReason,
  type Denied as DeniedMessage,
  type Granted as GrantedMessage,
  NextStep,
} from "../../gen/sallyport/auth/v1/decision_pb.ts";
import type { Decision, Denied, Granted } from "../check/decision.ts";
import type { Revision } from "../check/revision.ts";

/**
 * A decision, what it rests on and since when that is known to hold. Written out field
 * by field: `create` looks every field up, which costs as much as the check.
 */
export function toAuthorizeResponse(decision: Decision, { logId, number }: Revision, asOf: number): AuthorizeResponse {
  return {
    $typeName: "sallyport.auth.v1.AuthorizeResponse",
    decision: decision.granted
      ? { case: "granted", value: toGranted(decision) }
      : { case: "denied", value: toDenied(decision) },
    revision: { $typeName: "sallyport.auth.v1.Revision", logId, number: BigInt(number) },
    asOf: toTimestamp(asOf),
  };
}

function toGranted({ principal, cacheForMs }: Granted): GrantedMessage {
  return {
    $typeName: "sallyport.auth.v1.Granted",
    principal: {
      $typeName: "sallyport.auth.v1.Principal",
      userId: principal.userId,
      username: principal.username,
      roles: [...principal.roles],
      sessionId: principal.sessionId,
      authTime: toTimestamp(principal.authTime),
      expiresAt: toTimestamp(principal.expiresAt),
    },
    cacheFor: toDuration(cacheForMs),
  };
}

function toDenied({ reason, nextStep, missingRoles, missingPermissions }: Denied): DeniedMessage {
  return {
    $typeName: "sallyport.auth.v1.Denied",
    reason: DenialReason[reason],
    nextStep: NextStep[nextStep],
    missingRoles: [...missingRoles],
    missingPermissions: [...missingPermissions],
  };
}

/** A time since 1970, as `timestampFromMs` tells it. */
function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * NANOS };
}

/** A time that is not negative, as `durationFromMs` tells it. */
function toDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return { $typeName: "google.protobuf.Duration", seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * NANOS };
}

/** In a millisecond. */
const NANOS = 1_000_000;
