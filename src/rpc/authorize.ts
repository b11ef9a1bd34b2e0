/**
 * `Authorize`: the check, with the caller's wishes about freshness. No I/O, unless
 * a revision is asked for that memory has not reached.
 */
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { AuthorizeRequest, AuthorizeResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import type { Checker } from "../check/checker.ts";
import type { Knowledge } from "../check/knowledge.ts";
import { Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { type Patience, timeLeft } from "../lib/patience.ts";
import type { WaitForRevision } from "../revocations/wait-for-revision.ts";
import { createToAuthorizeResponse } from "./decision-message.ts";
import { fromRevision } from "./messages.ts";

/** Answers one question, at once unless it has to wait for a revision. @throws Refusal REVISION_UNKNOWN, REVISION_NOT_REACHED, TOO_STALE. */
export type Authorize = (
  request: AuthorizeRequest,
  patience: Patience,
) => AuthorizeResponse | Promise<AuthorizeResponse>;

type AuthorizeDeps = {
  readonly checker: Pick<Checker, "check">;
  readonly knowledge: Pick<Knowledge, "logId" | "revision" | "stalenessMs">;
  readonly waitForRevision: WaitForRevision;
  /** What an empty audience means. */
  readonly standardAudience: string;
  readonly clock: Clock;
};

/** An {@link Authorize}. */
export function createAuthorize(deps: AuthorizeDeps): Authorize {
  const { checker, knowledge, waitForRevision, standardAudience, clock } = deps;
  const toAuthorizeResponse = createToAuthorizeResponse();

  return function authorize(request, patience) {
    const { minRevision } = request;
    if (minRevision === undefined) return decide(request);
    return waitForRevision(fromRevision(minRevision), whileAnswerable(patience)).then(() => decide(request));
  };

  function decide(request: AuthorizeRequest): AuthorizeResponse {
    const { accessToken, audience, anyRole, allPermissions, maxStaleness, maxAuthAge } = request;
    if (maxStaleness !== undefined) refuseStale(durationMs(maxStaleness));
    // Told before the check: what is decided later may only be newer than this.
    const revision = { logId: knowledge.logId(), number: knowledge.revision() };
    const asOf = confirmedAt();
    const maxAuthAgeMs = maxAuthAge === undefined ? null : durationMs(maxAuthAge);
    const rule = { public: false, anyRole, allPermissions, maxAuthAgeMs, freshness: "LOCAL" as const };
    const decision = checker.check({ token: accessToken, audience: audience || standardAudience, rule });
    return toAuthorizeResponse(decision, revision, asOf);
  }

  /** Never in the future, though a clock may have been put back since. */
  function confirmedAt(): number {
    const now = clock.now();
    return now - knowledge.stalenessMs(now);
  }

  function refuseStale(maxStalenessMs: number): void {
    if (clock.now() - confirmedAt() > maxStalenessMs) throw new Refusal("TOO_STALE", { retryAfterMs: 1000 });
  }
}

/** Ends so long before the deadline that "not reached" still gets through to the client. */
function whileAnswerable(patience: Patience): AbortSignal {
  const { signal } = patience;
  const leftMs = patience.timeoutMs();
  if (leftMs === undefined) return signal;
  return AbortSignal.any([signal, AbortSignal.timeout(Math.floor(timeLeft(patience, leftMs)))]);
}
