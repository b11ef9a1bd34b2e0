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
import type { WaitForRevision } from "../revocations/wait-for-revision.ts";
import { fromRevision, toAuthorizeResponse } from "./messages.ts";

/** Answers one question. @throws Refusal REVISION_UNKNOWN, REVISION_NOT_REACHED, TOO_STALE. */
export type Authorize = (request: AuthorizeRequest, signal: AbortSignal) => Promise<AuthorizeResponse>;

type AuthorizeDeps = {
  readonly checker: Pick<Checker, "check">;
  readonly knowledge: Pick<Knowledge, "logId" | "revision" | "asOf">;
  readonly waitForRevision: WaitForRevision;
  /** What an empty audience means. */
  readonly standardAudience: string;
  readonly clock: Clock;
};

/** An {@link Authorize}. */
export function createAuthorize(deps: AuthorizeDeps): Authorize {
  const { checker, knowledge, waitForRevision, standardAudience, clock } = deps;

  return async function authorize(request, signal) {
    const { accessToken, audience, anyRole, allPermissions, minRevision, maxStaleness, maxAuthAge } = request;
    if (minRevision !== undefined) await waitForRevision(fromRevision(minRevision), signal);
    if (maxStaleness !== undefined) refuseStale(durationMs(maxStaleness));
    // Told before the check: what is decided later may only be newer than this.
    const revision = { logId: knowledge.logId(), number: knowledge.revision() };
    const asOf = knowledge.asOf();
    const maxAuthAgeMs = maxAuthAge === undefined ? null : durationMs(maxAuthAge);
    const rule = { public: false, anyRole, allPermissions, maxAuthAgeMs, freshness: "LOCAL" as const };
    const decision = await checker.check({ token: accessToken, audience: audience || standardAudience, rule });
    return toAuthorizeResponse(decision, revision, asOf);
  };

  function refuseStale(maxStalenessMs: number): void {
    if (clock.now() - knowledge.asOf() > maxStalenessMs) throw new Refusal("TOO_STALE", { retryAfterMs: 1000 });
  }
}
