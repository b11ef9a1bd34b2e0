/** Asks `AuthService.Authorize` where memory does not do. */
import { durationFromMs, durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { AuthorizeResponse, AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { DenialReason, type Denied, type Granted, NextStep } from "../../gen/sallyport/auth/v1/decision_pb.ts";
import { MAX_TOKEN_LENGTH } from "../check/access-token.ts";
import { type Decision, denied, type DenialReason as Reason, type NextStep as Step } from "../check/decision.ts";
import type { Rule } from "../check/rule.ts";
import { type AuthorizeOptions, VerifierUnavailable } from "./api.ts";

/** Asks about a token. @throws VerifierUnavailable if there is no answer. */
export type AskRemote = (token: string, rule: Rule, options: AuthorizeOptions) => Promise<Decision>;

type RemoteDeps = {
  readonly client: Pick<Client<typeof AuthService>, "authorize">;
  readonly apiKey: string;
  readonly audience: string;
  /** The answer must rest on knowledge no older than this, in milliseconds. */
  readonly maxStalenessMs: number;
  /** Told that an answer has not come in time. */
  readonly onLate: () => void;
};

/** How long an answer may take, unless the caller says otherwise, in milliseconds. */
export const REMOTE_TIMEOUT_MS = 10_000;

/** An {@link AskRemote}. */
export function createRemote({ client, apiKey, audience, maxStalenessMs, onLate }: RemoteDeps): AskRemote {
  return async function askRemote(token, rule, { minRevision, timeoutMs = REMOTE_TIMEOUT_MS, signal }) {
    // Sallyport would call it the caller's mistake. It is the bearer's.
    if (token.length > MAX_TOKEN_LENGTH) return denied("TOKEN_INVALID");
    const question = {
      accessToken: token,
      audience,
      anyRole: [...rule.anyRole],
      allPermissions: [...rule.allPermissions],
      maxStaleness: wholeMs(maxStalenessMs),
      ...(rule.maxAuthAgeMs !== null && { maxAuthAge: wholeMs(rule.maxAuthAgeMs) }),
      ...(minRevision && { minRevision: { logId: minRevision.logId, number: BigInt(minRevision.number) } }),
    };
    const headers = { authorization: `Bearer ${apiKey}` };
    try {
      return toDecision(await client.authorize(question, { headers, timeoutMs, ...(signal && { signal }) }));
    } catch (error) {
      if (error instanceof VerifierUnavailable) throw error;
      const refusal = ConnectError.from(error);
      if (refusal.code === Code.DeadlineExceeded) onLate();
      throw unavailable(refusal);
    }
  };
}

/** A bound that is no wider, in whole milliseconds. */
function wholeMs(milliseconds: number) {
  return durationFromMs(Math.max(1, Math.floor(milliseconds)));
}

/** Reasons that callers of a verifier are told as they are. */
const TOLD: ReadonlyMap<string, VerifierUnavailable["reason"]> = new Map([
  ["ERROR_REASON_TOO_STALE", "TOO_STALE"],
  ["ERROR_REASON_REVISION_NOT_REACHED", "REVISION_NOT_REACHED"],
  ["ERROR_REASON_REVISION_UNKNOWN", "REVISION_UNKNOWN"],
]);

function unavailable(error: ConnectError): VerifierUnavailable {
  const [info] = error.findDetails(ErrorInfoSchema);
  const reason = TOLD.get(info?.reason ?? "") ?? "UNAVAILABLE";
  return new VerifierUnavailable(reason, `Sallyport gave no decision: ${error.message}`, error);
}

function toDecision({ decision }: AuthorizeResponse): Decision {
  if (decision.case === "granted") return toGranted(decision.value);
  if (decision.case === "denied") return toDenied(decision.value);
  throw new VerifierUnavailable("UNAVAILABLE", "Sallyport answered without a decision");
}

function toGranted({ principal, cacheFor }: Granted): Decision {
  if (principal?.authTime === undefined || principal.expiresAt === undefined)
    throw new VerifierUnavailable("UNAVAILABLE", "Sallyport answered without a principal");
  const { userId, username, roles, sessionId, authTime, expiresAt } = principal;
  return {
    granted: true,
    principal: {
      userId,
      username,
      roles,
      sessionId,
      authTime: timestampMs(authTime),
      expiresAt: timestampMs(expiresAt),
    },
    cacheForMs: cacheFor === undefined ? 0 : durationMs(cacheFor),
  };
}

function toDenied({ reason, nextStep, missingRoles, missingPermissions }: Denied): Decision {
  // A reason of a later version denies all the same.
  const known = REASONS.get(reason) ?? "TOKEN_INVALID";
  return { granted: false, reason: known, nextStep: STEPS.get(nextStep) ?? "NONE", missingRoles, missingPermissions };
}

const REASONS: ReadonlyMap<number, Reason> = new Map([
  [DenialReason.TOKEN_MISSING, "TOKEN_MISSING"],
  [DenialReason.TOKEN_INVALID, "TOKEN_INVALID"],
  [DenialReason.TOKEN_EXPIRED, "TOKEN_EXPIRED"],
  [DenialReason.SESSION_REVOKED, "SESSION_REVOKED"],
  [DenialReason.PRIVILEGES_CHANGED, "PRIVILEGES_CHANGED"],
  [DenialReason.AUDIENCE_MISMATCH, "AUDIENCE_MISMATCH"],
  [DenialReason.ROLE_MISSING, "ROLE_MISSING"],
  [DenialReason.PERMISSION_MISSING, "PERMISSION_MISSING"],
  [DenialReason.AUTHENTICATION_TOO_OLD, "AUTHENTICATION_TOO_OLD"],
]);

const STEPS: ReadonlyMap<number, Step> = new Map([
  [NextStep.NONE, "NONE"],
  [NextStep.REFRESH, "REFRESH"],
  [NextStep.LOG_IN, "LOG_IN"],
  [NextStep.STEP_UP, "STEP_UP"],
]);
