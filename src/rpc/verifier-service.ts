import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { VerifierService } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { Revision } from "../check/revision.ts";
import type { ServicePrincipal, ServiceTable } from "../check/service-table.ts";
import { Refusal } from "../errors.ts";
import { isPart } from "../feed/feed-event.ts";
import { createFeedMessages, type FeedKeys, toStarted } from "../feed/feed-messages.ts";
import type { Clock } from "../lib/clock.ts";
import type { Feed, Watcher } from "../revocations/feed.ts";
import type { WaitForRevision } from "../revocations/wait-for-revision.ts";
import { callKey } from "./call.ts";
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
  /** Reads the log if it must to reach a revision. @throws Refusal REVISION_UNKNOWN, REVISION_NOT_REACHED. */
  readonly waitForRevision: WaitForRevision;
  /** Calls that may watch at once, and those of one service. */
  readonly maxWatchers: number;
  readonly maxWatchersOfService: number;
};

/** How long an instance that is behind may take to reach what a watcher knows, in milliseconds; after that, another may do. */
const REACH_MS = 5_000;

/** `VerifierService`: each call is told what happens until it ends, or its credential does. */
export function createVerifierService(deps: VerifierServiceDeps): ServiceImpl<typeof VerifierService> {
  const { feed, keys, services, issuer, clock, checkpointMs, waitForRevision } = deps;
  const toMessage = createFeedMessages(keys);
  const places = createPlaces(deps);

  /** A credential is revoked for good: another of the same name has another id. */
  function confirm({ serviceId, name }: ServicePrincipal): void {
    if (services.named(name)?.serviceId !== serviceId)
      throw new Refusal("TOKEN_INVALID", { message: "the credential of this service was revoked" });
  }

  /** Nobody is told less than they know already because this instance is a moment behind. */
  async function reach(revision: Revision, signal: AbortSignal): Promise<void> {
    try {
      await waitForRevision(revision, AbortSignal.any([signal, AbortSignal.timeout(REACH_MS)]));
    } catch (error) {
      // The database has not got it: whoever watches is told to start over.
      if (!(error instanceof Refusal) || error.reason !== "REVISION_UNKNOWN") throw error;
    }
  }

  async function* tell(watcher: Watcher) {
    yield toStarted(issuer, checkpointMs, clock.now());
    let parts = 0;
    for await (const event of feed.watch(watcher)) {
      if (event.kind === "snapshot_begin") parts = 0;
      if (isPart(event)) parts += 1;
      yield toMessage(event, parts);
    }
  }

  return {
    async *watch({ after, snapshot }, context) {
      const service = serviceOf(context);
      const leave = places.take(service.serviceId);
      try {
        // It has a place of its own kind now, for as long as it likes: calls that come and go keep theirs.
        context.values.get(callKey).outlast();
        const from = after === undefined ? null : fromRevision(after);
        if (from !== null) await reach(from, context.signal);
        yield* tell({
          after: snapshot ? null : from,
          confirm: () => confirm(service),
          // Whoever takes nothing stays until its connection is found out; others need not wait for that.
          onCut: leave,
          signal: context.signal,
        });
      } finally {
        leave();
      }
    },
  };
}

/** Places for watchers, bounded for each service too, so that none can take them all. */
function createPlaces({ maxWatchers, maxWatchersOfService }: VerifierServiceDeps) {
  const taken = new Map<string, number>();
  let all = 0;

  return {
    /** Takes a place; gives what leaves it, once. @throws Refusal TOO_MANY_WATCHERS. */
    take(serviceId: string): () => void {
      const own = taken.get(serviceId) ?? 0;
      if (all >= maxWatchers || own >= maxWatchersOfService)
        throw new Refusal("TOO_MANY_WATCHERS", { retryAfterMs: 5000 });
      all += 1;
      taken.set(serviceId, own + 1);
      let isLeft = false;
      return function leave() {
        if (isLeft) return;
        isLeft = true;
        all -= 1;
        const left = (taken.get(serviceId) ?? 0) - 1;
        if (left > 0) taken.set(serviceId, left);
        else taken.delete(serviceId);
      };
    },
  };
}

/** The service that calls. A user's permissions would end with its token; a watcher stays. */
function serviceOf({ values }: HandlerContext): ServicePrincipal {
  const caller = values.get(callerKey);
  if (caller?.kind !== "service") throw new Refusal("SERVICE_REQUIRED");
  return caller.principal;
}
