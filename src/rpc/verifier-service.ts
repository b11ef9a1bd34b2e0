import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { VerifierService } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { ServicePrincipal, ServiceTable } from "../check/service-table.ts";
import { Refusal } from "../errors.ts";
import type { Revision } from "../feed/feed-event.ts";
import { createFeedMessages, type FeedKeys, toStarted } from "../feed/feed-messages.ts";
import type { Clock } from "../lib/clock.ts";
import type { Feed } from "../revocations/feed.ts";
import { callerKey } from "./guard.ts";
import { fromRevision } from "./messages.ts";

type VerifierServiceDeps = {
  readonly feed: Feed;
  readonly keys: FeedKeys;
  readonly services: Pick<ServiceTable, "named">;
  readonly issuer: string;
  readonly clock: Clock;
  /** Time between checkpoints, in milliseconds. */
  readonly checkpointMs: number;
  /** Calls that may watch at once. */
  readonly maxWatchers: number;
};

/** `VerifierService`: each call is told what happens until it ends, or its credential does. */
export function createVerifierService(deps: VerifierServiceDeps): ServiceImpl<typeof VerifierService> {
  const { feed, keys, services, issuer, clock, checkpointMs, maxWatchers } = deps;
  const toMessage = createFeedMessages(keys);
  let watching = 0;

  /** A credential is revoked for good: another of the same name has another id. */
  function confirm({ serviceId, name }: ServicePrincipal): void {
    if (services.named(name)?.serviceId !== serviceId)
      throw new Refusal("TOKEN_INVALID", { message: "the credential of this service was revoked" });
  }

  async function* tell(service: ServicePrincipal, after: Revision | null, signal: AbortSignal) {
    yield toStarted(issuer, checkpointMs, clock.now());
    let parts = 0;
    for await (const event of feed.watch(after, () => confirm(service), signal)) {
      if (event.kind === "snapshot_begin") parts = 0;
      if (event.kind === "snapshot_sessions" || event.kind === "snapshot_users") parts += 1;
      yield toMessage(event, parts);
    }
  }

  return {
    async *watch({ after }, context) {
      const service = serviceOf(context);
      if (watching >= maxWatchers) throw new Refusal("TOO_MANY_WATCHERS", { retryAfterMs: 5000 });
      // Counted from here on, not from the first event: however many come at once, no more than those are let in.
      watching += 1;
      try {
        yield* tell(service, after === undefined ? null : fromRevision(after), context.signal);
      } finally {
        watching -= 1;
      }
    },
  };
}

/** The service that calls. A user's permissions would end with its token; a watcher stays. */
function serviceOf({ values }: HandlerContext): ServicePrincipal {
  const caller = values.get(callerKey);
  if (caller?.kind !== "service") throw new Refusal("SERVICE_REQUIRED");
  return caller.principal;
}
