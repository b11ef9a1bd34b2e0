/**
 * Why a command is refused: one union, one table from reason to status code.
 *
 * The union is the proto enum `ErrorReason`; the compiler proves the table
 * complete. Code throws a {@link Refusal} and nothing else to refuse a command;
 * anything else that is thrown is a fault of ours and is answered as INTERNAL.
 */
import type { Code } from "@connectrpc/connect";
import type { ErrorReason } from "../gen/sallyport/auth/v1/error_reason_pb.ts";

/** A value of `ErrorReason`, without its prefix. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

type ReasonEntry = {
  readonly code: keyof typeof Code;
  /** Sent unless the refusal brings words of its own. Says what to do. */
  readonly message: string;
  readonly nextStep?: "REFRESH" | "LOG_IN" | "STEP_UP";
};

/** Each reason's status code, default message and next step. */
export const REASONS = {
  REQUEST_INVALID: { code: "InvalidArgument", message: "the request is malformed; see the field violations" },
  AUTHORIZATION_MALFORMED: {
    code: "InvalidArgument",
    message: 'send exactly one authorization header, as "Bearer <access token>"',
  },
  PAGE_TOKEN_INVALID: {
    code: "InvalidArgument",
    message: "this page token belongs to another listing; start again without one",
  },
  AUDIENCE_UNKNOWN: { code: "InvalidArgument", message: "ask only for audiences that are allowed here" },
  PASSWORD_COMMON: { code: "InvalidArgument", message: "this password is among the most used ones; choose another" },
  PASSWORD_PERSONAL: {
    code: "InvalidArgument",
    message: "the password must not be the user name or the e-mail address",
  },
  CREDENTIALS_INVALID: { code: "Unauthenticated", message: "unknown user or wrong password", nextStep: "LOG_IN" },
  TOKEN_MISSING: { code: "Unauthenticated", message: "send an access token in authorization", nextStep: "LOG_IN" },
  TOKEN_INVALID: { code: "Unauthenticated", message: "not an access token of this issuer", nextStep: "LOG_IN" },
  TOKEN_EXPIRED: { code: "Unauthenticated", message: "the access token has expired; refresh", nextStep: "REFRESH" },
  SESSION_REVOKED: { code: "Unauthenticated", message: "the session was ended; log in", nextStep: "LOG_IN" },
  PRIVILEGES_CHANGED: {
    code: "Unauthenticated",
    message: "the user's privileges changed; refresh",
    nextStep: "REFRESH",
  },
  AUDIENCE_MISMATCH: {
    code: "Unauthenticated",
    message: "the access token is not for the audience that this RPC asks for",
  },
  AUTHENTICATION_TOO_OLD: {
    code: "Unauthenticated",
    message: "the password was given too long ago; log in again",
    nextStep: "STEP_UP",
  },
  REFRESH_TOKEN_INVALID: { code: "Unauthenticated", message: "not a refresh token of this issuer", nextStep: "LOG_IN" },
  REFRESH_TOKEN_EXPIRED: { code: "Unauthenticated", message: "the session has expired; log in", nextStep: "LOG_IN" },
  SESSION_ENDED: { code: "Unauthenticated", message: "the session was ended; log in", nextStep: "LOG_IN" },
  REFRESH_TOKEN_REUSED: {
    code: "Unauthenticated",
    message: "this refresh token was used before; the session is ended for safety; log in",
    nextStep: "LOG_IN",
  },
  REFRESH_TOKEN_SUPERSEDED: {
    code: "Aborted",
    message: "a newer refresh token was issued moments ago; use that one",
    nextStep: "REFRESH",
  },
  REFRESH_TOKEN_FROM_FUTURE: {
    code: "FailedPrecondition",
    message: "this refresh token is newer than the database; the operator must run the command restored",
    nextStep: "LOG_IN",
  },
  ROLE_MISSING: { code: "PermissionDenied", message: "the user lacks a role for this" },
  PERMISSION_MISSING: { code: "PermissionDenied", message: "the user lacks a permission for this" },
  SIGNUP_CLOSED: { code: "PermissionDenied", message: "signup is closed; ask the operator for an account" },
  ROLE_NOT_SELF_ASSIGNABLE: { code: "PermissionDenied", message: "a role asked for may not be taken at signup" },
  PRIVILEGE_ESCALATION: {
    code: "PermissionDenied",
    message:
      "the caller may not give permissions or roles, take roles, or change accounts with roles, that it does not hold itself",
  },
  SERVICE_REQUIRED: { code: "PermissionDenied", message: "this RPC is for services; call with an API key" },
  USERNAME_TAKEN: { code: "AlreadyExists", message: "the user name is taken; choose another" },
  EMAIL_TAKEN: { code: "AlreadyExists", message: "the e-mail address has an account; log in with it" },
  USER_NOT_FOUND: { code: "NotFound", message: "there is no such user" },
  SESSION_NOT_FOUND: { code: "NotFound", message: "there is no such session" },
  ROLE_NOT_FOUND: { code: "NotFound", message: "there is no such role" },
  ROLE_IN_USE: { code: "FailedPrecondition", message: "users still hold the role; take it from them first" },
  ROLE_BUILT_IN: { code: "FailedPrecondition", message: "this role is part of Sallyport and stays as it is" },
  ROLE_NAME_RESTING: {
    code: "FailedPrecondition",
    message: "a role of this name was deleted moments ago; wait until its tokens are dead",
  },
  LAST_ADMIN: {
    code: "FailedPrecondition",
    message: "somebody must hold the role admin; give it to another user first",
  },
  TOO_MANY_ROLES: { code: "FailedPrecondition", message: "there are as many roles as there may be; delete one first" },
  SERVICE_NAME_TAKEN: { code: "AlreadyExists", message: "a service of this name exists; revoke it first" },
  SERVICE_NOT_FOUND: { code: "NotFound", message: "there is no such service" },
  KEY_NOT_FOUND: { code: "NotFound", message: "there is no such signing key" },
  NEXT_KEY_TOO_NEW: {
    code: "FailedPrecondition",
    message: "the next key was published too recently for every verifier to know it; wait, or force the rotation",
  },
  REVISION_UNKNOWN: {
    code: "FailedPrecondition",
    message: "the database does not have this revision; forget it and start over",
  },
  REVISION_NOT_REACHED: { code: "Unavailable", message: "this instance has not reached the revision yet; retry" },
  TOO_STALE: { code: "Unavailable", message: "this instance cannot confirm recent changes right now; retry" },
  BUSY: { code: "ResourceExhausted", message: "too many password checks at once; wait and retry" },
  UNAVAILABLE: { code: "Unavailable", message: "the service cannot do this right now; wait and retry" },
  DEADLINE_EXCEEDED: { code: "DeadlineExceeded", message: "the deadline passed before the answer was ready" },
  REQUEST_TOO_LARGE: { code: "ResourceExhausted", message: "a request may have up to 64 KiB" },
  COMPRESSION_UNSUPPORTED: { code: "Unimplemented", message: "send the request without compression, or with gzip" },
  RPC_UNKNOWN: { code: "Unimplemented", message: "there is no such RPC here; GET / tells what there is" },
  WATCHER_TOO_SLOW: {
    code: "Aborted",
    message: "the feed was not read as fast as the log grew; watch again and read faster",
  },
  TOO_MANY_WATCHERS: { code: "ResourceExhausted", message: "too many watch this instance; wait and retry" },
  INTERNAL: { code: "Internal", message: "internal error" },
} as const satisfies Record<Reason, ReasonEntry>;

/** What is wrong with one field of a request, by its proto path. */
export type FieldViolation = { readonly field: string; readonly description: string };

type RefusalDetails = {
  /** Words for this very case; the table's otherwise. Sent to the client. */
  readonly message?: string;
  /** The fields at fault. Sent to the client. */
  readonly fields?: readonly FieldViolation[];
  /** How long to wait before a retry, in milliseconds. Sent to the client. */
  readonly retryAfterMs?: number;
  /** What really happened. Logged, never sent. */
  readonly cause?: unknown;
};

/**
 * A command refused for a stated reason. It has no stack: it is an answer, which anybody may ask for as often as they
 * like, and to look where it came from would cost nearly as much as all the rest of it.
 */
export class Refusal extends Error {
  readonly reason: Reason;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | null;

  constructor(reason: Reason, { message, fields = [], retryAfterMs, cause }: RefusalDetails = {}) {
    const said = message ?? REASONS[reason].message;
    // As withoutStack() does it: nobody else may call super().
    const depth = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(said, cause === undefined ? undefined : { cause });
    Error.stackTraceLimit = depth;
    this.name = "Refusal";
    this.reason = reason;
    this.fields = fields;
    this.retryAfterMs = retryAfterMs ?? null;
  }
}

/** A refusal of one field's value: INVALID_ARGUMENT that names it. */
export function invalidField(field: string, description: string): Refusal {
  return new Refusal("REQUEST_INVALID", { message: `${field}: ${description}`, fields: [{ field, description }] });
}
