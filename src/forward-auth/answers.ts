/**
 * What a proxy is answered, and through it, where it passes refusals on, its client.
 * 401 and 403 are verdicts on the client alone; proxies differ in what they make of any
 * other status, but let nobody through for it.
 */
import type { DenialReason, Denied, Principal } from "../check/decision.ts";
import type { Rule } from "../check/rule.ts";
import { REASONS, type Refusal } from "../errors.ts";

/** An answer. */
export type ForwardAnswer = {
  readonly status: 200 | 400 | 401 | 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** `null` for none. */
  readonly body: RefusalBody | null;
  /** Why not, without prefix, for the log; `null` for 200. */
  readonly reason: string | null;
  /** The user who is let through, for the log. */
  readonly subject: string | null;
};

/** What is wrong, in the names of the contract. */
export type RefusalBody = {
  readonly code: "invalid_argument" | "unauthenticated" | "permission_denied" | "unavailable";
  readonly message: string;
  /** A `DenialReason` or an `ErrorReason`. */
  readonly reason: string;
  /** A `NextStep`, for the client. */
  readonly next_step: string;
  readonly missing_roles?: readonly string[];
  readonly missing_permissions?: readonly string[];
};

const REALM = 'Bearer realm="sallyport"';

/** How a reason is told by RFC 6750 section 3.1 and RFC 9470 section 3; `null`: no error, since nothing was tried. */
const BEARER_ERRORS: Readonly<Record<DenialReason, string | null>> = {
  TOKEN_MISSING: null,
  TOKEN_INVALID: "invalid_token",
  TOKEN_EXPIRED: "invalid_token",
  SESSION_REVOKED: "invalid_token",
  PRIVILEGES_CHANGED: "invalid_token",
  AUDIENCE_MISMATCH: "invalid_token",
  ROLE_MISSING: "insufficient_scope",
  PERMISSION_MISSING: "insufficient_scope",
  AUTHENTICATION_TOO_OLD: "insufficient_user_authentication",
};

/** 200, with whom the token speaks for. All of these headers are there each time, so that each replaces a client's. */
export function granted(principal: Principal): ForwardAnswer {
  const headers = {
    "x-sallyport-user-id": principal.userId,
    "x-sallyport-username": percentEncoded(principal.username),
    "x-sallyport-session-id": principal.sessionId,
    "x-sallyport-roles": principal.roles.join(","),
    "x-sallyport-auth-time": new Date(principal.authTime).toISOString(),
    "x-sallyport-expires-at": new Date(principal.expiresAt).toISOString(),
    "content-length": "0",
  };
  return { status: 200, headers, body: null, reason: null, subject: principal.userId };
}

/** 401, or 403 where no other token would help the user. */
export function denied({ reason, nextStep, missingRoles, missingPermissions }: Denied, rule: Rule): ForwardAnswer {
  const isForbidden = reason === "ROLE_MISSING" || reason === "PERMISSION_MISSING";
  const { message } = REASONS[reason];
  const error = BEARER_ERRORS[reason];
  const maxAge = reason === "AUTHENTICATION_TOO_OLD" ? Math.floor((rule.maxAuthAgeMs ?? 0) / 1000) : null;
  return refusal(isForbidden ? 403 : 401, reason, challenge(error, message, maxAge), {
    code: isForbidden ? "permission_denied" : "unauthenticated",
    message,
    reason: `DENIAL_REASON_${reason}`,
    next_step: `NEXT_STEP_${nextStep}`,
    ...(missingRoles.length > 0 && { missing_roles: missingRoles }),
    ...(missingPermissions.length > 0 && { missing_permissions: missingPermissions }),
  });
}

/** 401 for what is no credential: nginx would make 500 of the 400 that RFC 6750 has, and log an error for each. */
export function malformed({ reason }: Refusal): ForwardAnswer {
  const message = "send exactly one authorization header, with a bearer token of up to 8 KiB";
  return refusal(401, reason, challenge("invalid_request", message), {
    code: "unauthenticated",
    message,
    reason: `ERROR_REASON_${reason}`,
    next_step: "NEXT_STEP_NONE",
  });
}

/** 503: this instance cannot tell whether what it knows still holds. */
export function stale(): ForwardAnswer {
  return refusal(
    503,
    "TOO_STALE",
    { "retry-after": "1" },
    {
      code: "unavailable",
      message: REASONS.TOO_STALE.message,
      reason: "ERROR_REASON_TOO_STALE",
      next_step: "NEXT_STEP_NONE",
    },
  );
}

/** 400: the proxy's question cannot be answered. Not 5xx, at which some proxies can be told to let everybody through. */
export function unanswerable(reason: "REQUEST_INVALID" | "SERVICE_REQUIRED", fault: string): ForwardAnswer {
  return refusal(
    400,
    reason,
    {},
    {
      code: "invalid_argument",
      message: `the proxy's configuration is wrong: ${fault}`,
      reason: `ERROR_REASON_${reason}`,
      next_step: "NEXT_STEP_NONE",
    },
  );
}

function refusal(
  status: ForwardAnswer["status"],
  reason: string,
  headers: Readonly<Record<string, string>>,
  body: RefusalBody,
): ForwardAnswer {
  return { status, headers, body, reason, subject: null };
}

function challenge(error: string | null, description: string, maxAge: number | null = null): Record<string, string> {
  const told = error === null ? "" : `, error="${error}", error_description="${inQuotes(description)}"`;
  const bound = maxAge === null ? "" : `, max_age="${maxAge}"`;
  return { "www-authenticate": `${REALM}${told}${bound}` };
}

/** RFC 6750 section 3 allows neither quotes nor backslashes in a description. */
function inQuotes(text: string): string {
  return text.replace(/["\\]/g, "'");
}

/** As a component of a URI (RFC 3986 section 2), so that any name fits into a header and none is taken for another. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
