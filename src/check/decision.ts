/** What a check answers. Denied is an answer; nothing here throws. */

/** Every reason to refuse a bearer. */
export const DENIAL_REASONS = [
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "TOKEN_EXPIRED",
  "SESSION_REVOKED",
  "PRIVILEGES_CHANGED",
  "AUDIENCE_MISMATCH",
  "ROLE_MISSING",
  "PERMISSION_MISSING",
  "AUTHENTICATION_TOO_OLD",
] as const;

/** Why a bearer is refused; the proto enum `DenialReason` without its prefix. */
export type DenialReason = (typeof DENIAL_REASONS)[number];

/** What the bearer's client should do about a refusal; the proto enum `NextStep`. */
export type NextStep = "NONE" | "REFRESH" | "LOG_IN" | "STEP_UP";

/** Whom a token speaks for. Times are milliseconds since the epoch of Unix. */
export type Principal = {
  readonly userId: string;
  readonly username: string;
  readonly roles: readonly string[];
  readonly sessionId: string;
  readonly authTime: number;
  readonly expiresAt: number;
};

/** The bearer may. */
export type Granted = {
  readonly granted: true;
  readonly principal: Principal;
  /** How long the answer may be kept, in milliseconds: within the staleness bound and the token's life. */
  readonly cacheForMs: number;
};

/** The bearer may not. */
export type Denied = {
  readonly granted: false;
  readonly reason: DenialReason;
  readonly nextStep: NextStep;
  readonly missingRoles: readonly string[];
  readonly missingPermissions: readonly string[];
};

/** The answer to "may the bearer of this token do this, now?". */
export type Decision = Granted | Denied;

const NEXT_STEPS: Readonly<Record<DenialReason, NextStep>> = {
  TOKEN_MISSING: "LOG_IN",
  TOKEN_INVALID: "LOG_IN",
  TOKEN_EXPIRED: "REFRESH",
  SESSION_REVOKED: "LOG_IN",
  PRIVILEGES_CHANGED: "REFRESH",
  AUDIENCE_MISMATCH: "NONE",
  ROLE_MISSING: "NONE",
  PERMISSION_MISSING: "NONE",
  AUTHENTICATION_TOO_OLD: "STEP_UP",
};

const NONE: readonly string[] = [];

/** A refusal for `reason`, with the next step that follows from it. */
export function denied(
  reason: DenialReason,
  missingRoles: readonly string[] = NONE,
  missingPermissions: readonly string[] = NONE,
): Denied {
  return { granted: false, reason, nextStep: NEXT_STEPS[reason], missingRoles, missingPermissions };
}
