/**
 * Decisions of ours as messages of the contract. Written out field by field: `create` looks every field up, which costs as
 * much as the check. When a second has thousands of answers, what they say of times and revisions is what the one before said:
 * such parts are made, and written, once.
 */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { AuthorizeResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import {
  DenialReason,
  type Denied as DeniedMessage,
  type Granted as GrantedMessage,
  NextStep,
  type Principal as PrincipalMessage,
} from "../../gen/sallyport/auth/v1/decision_pb.ts";
import type { Revision as RevisionMessage } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import type { Decision, Denied, Granted, Principal } from "../check/decision.ts";
import type { Revision } from "../check/revision.ts";
import { unchanging } from "./unchanging.ts";

/** A decision, what it rests on and since when that is known to hold, in milliseconds. */
export type ToAuthorizeResponse = (decision: Decision, revision: Revision, asOf: number) => AuthorizeResponse;

/** A {@link ToAuthorizeResponse} that remembers the parts it made last. */
export function createToAuthorizeResponse(): ToAuthorizeResponse {
  const asOfMessage = lastMade(toTimestamp);
  const cacheForMessage = lastMade(toDuration);
  let revisionMessage = unchanging(toRevision({ logId: "", number: 0 }));

  function toGranted({ principal, cacheForMs }: Granted): GrantedMessage {
    return {
      $typeName: "sallyport.auth.v1.Granted",
      principal: toPrincipal(principal),
      cacheFor: cacheForMessage(cacheForMs),
    };
  }

  return function toAuthorizeResponse(decision, revision, asOf) {
    const number = BigInt(revision.number);
    if (revisionMessage.number !== number || revisionMessage.logId !== revision.logId) {
      revisionMessage = unchanging(toRevision(revision));
    }
    return {
      $typeName: "sallyport.auth.v1.AuthorizeResponse",
      decision: decision.granted
        ? { case: "granted", value: toGranted(decision) }
        : { case: "denied", value: toDenied(decision) },
      revision: revisionMessage,
      asOf: asOfMessage(asOf),
    };
  };
}

/** What `make` makes of milliseconds, and made the last time if they are the same. Of what came once, nothing is kept. */
function lastMade<T extends Duration | Timestamp>(make: (ms: number) => T): (ms: number) => T {
  let last: number | null = null;
  let kept: T | null = null;
  return (ms) => {
    if (ms !== last) {
      last = ms;
      kept = null;
      return make(ms);
    }
    kept ??= unchanging(make(ms));
    return kept;
  };
}

function toPrincipal({ userId, username, roles, sessionId, authTime, expiresAt }: Principal): PrincipalMessage {
  return {
    $typeName: "sallyport.auth.v1.Principal",
    userId,
    username,
    roles: [...roles],
    sessionId,
    authTime: toTimestamp(authTime),
    expiresAt: toTimestamp(expiresAt),
  };
}

function toRevision({ logId, number }: Revision): RevisionMessage {
  return { $typeName: "sallyport.auth.v1.Revision", logId, number: BigInt(number) };
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
