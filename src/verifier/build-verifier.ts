/** Builds a verifier out of its parts, each by name. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { VerifierService } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { Rule } from "../check/rule.ts";
import type { Verifier, VerifierEvent } from "./api.ts";
import { createBundleKeeper } from "./bundle-keeper.ts";
import { callOut } from "./call-out.ts";
import { createConnection } from "./connection.ts";
import { createDecisions } from "./decisions.ts";
import { createFeedClient } from "./feed-client.ts";
import { createFollowedTokens } from "./followed-tokens.ts";
import { createFreshness } from "./freshness.ts";
import { createHeldKnowledge, type HeldKnowledge } from "./held-knowledge.ts";
import type { Settled } from "./options.ts";
import type { Pace } from "./pace.ts";
import { createRemote } from "./remote.ts";
import { createServerTime } from "./server-time.ts";
import { createWaiters } from "./waiters.ts";
import { warnOf } from "./warnings.ts";

/** What surrounds a verifier. Tests hand in what they can hold still. */
export type Surroundings = {
  /** Milliseconds since any fixed moment; never goes back. */
  readonly tick: () => number;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  readonly pace: Pace;
};

/** A verifier that runs, and what it knows. */
export type Built = { readonly verifier: Verifier; readonly knowledge: HeldKnowledge };

/** Builds one. */
export function buildVerifier(options: Settled, { tick, wall, random, pace }: Surroundings): Built {
  const { baseUrl, apiKey, audience, maxStalenessMs, onStale, cacheCapacity, bundle, tls = {} } = options;
  const listener = options.onEvent ?? warnOf(onStale);
  const tell = (event: VerifierEvent) => callOut(listener, event);
  const feedConnection = createConnection(baseUrl, tls, pace.pingMs);
  const askConnection = createConnection(baseUrl, tls, pace.pingMs);
  // Ids do not get smaller, and whoever compresses does it on another thread, while everybody waits for the news.
  const transportOver = (sessionManager: typeof feedConnection) =>
    options.transport ?? createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] });

  const serverTime = createServerTime({ tick, wall });
  const waiters = createWaiters();
  const held = { stalenessBoundMs: maxStalenessMs, cacheCapacity };
  const knowledge = createHeldKnowledge({
    ...held,
    serverTime,
    onChange(change) {
      if (change.kind === "resynced") tell({ kind: "resynced", reason: change.reason });
      followed.note(change);
      waiters.look();
    },
    onConfirmed() {
      freshness.look();
      followed.confirm();
      waiters.look();
    },
  });
  const freshness = createFreshness({
    knowledge,
    maxStalenessMs,
    bundleMaxAgeMs: bundle?.maxAgeMs ?? 0,
    tell,
  });
  const checkNow = (token: string, rule: Rule) => knowledge.check({ token, audience, rule });
  const followed = createFollowedTokens({ check: checkNow, now: serverTime.now });
  const askRemote = createRemote({
    client: createClient(AuthService, transportOver(askConnection)),
    apiKey,
    audience,
    maxStalenessMs,
    onLate: askConnection.doubt,
  });
  const decisions = createDecisions({
    checkNow,
    askRemote,
    isFresh: freshness.isFresh,
    onStale,
    knowledge,
    waiters,
    tick,
  });
  const feedClient = createFeedClient({
    client: createClient(VerifierService, transportOver(feedConnection)),
    apiKey,
    dropConnection: feedConnection.drop,
    position: knowledge.revision,
    createReader(calledAt) {
      const read = knowledge.createReader(calledAt);
      return (message) => {
        // However soon it is over, that knowledge was stale is told.
        freshness.look();
        read(message);
      };
    },
    checkpointMs: knowledge.checkpointMs,
    isStale: () => knowledge.stalenessMs() > maxStalenessMs,
    doubtMs: serverTime.doubtMs,
    pace,
    tick,
    random,
    onConnected: () => freshness.connect(true),
    onDisconnected: (error, retryInMs) => freshness.connect(false, { kind: "disconnected", error, retryInMs }),
    onRefused: (error) => freshness.connect(false, { kind: "refused", error }),
  });
  const keeper =
    bundle === undefined
      ? null
      : createBundleKeeper({
          bundle,
          apiKey,
          baseUrl,
          knowledge,
          createTrial: () =>
            createHeldKnowledge({
              ...held,
              serverTime: createServerTime({ tick, wall }),
              onChange() {},
              onConfirmed() {},
            }),
          wall,
          onFailed: (error) => tell({ kind: "bundle_failed", error }),
        });

  const stop = new AbortController();
  async function run(): Promise<void> {
    await keeper?.load();
    if (stop.signal.aborted) return;
    freshness.start();
    waiters.look();
    keeper?.start();
    await feedClient.run(stop.signal);
    freshness.stop();
    await keeper?.stop();
  }
  const running = run();

  const verifier: Verifier = {
    audience,
    check: decisions.check,
    authorize: decisions.authorize,
    follow: (token, rule, onEnd, principal) => followed.follow(token, decisions.complete(rule), onEnd, principal),
    ready: ({ signal } = {}) =>
      waiters.until(() => freshness.isFresh(), "TOO_STALE", signal === undefined ? {} : { signal }),
    state: () => ({
      isFresh: !stop.signal.aborted && freshness.isFresh(),
      stalenessMs: knowledge.stalenessMs(),
      revision: knowledge.revision(),
      isConnected: !stop.signal.aborted && freshness.isConnected(),
    }),
    async close() {
      decisions.close();
      followed.clear();
      waiters.dismiss();
      stop.abort();
      feedConnection.drop();
      askConnection.drop();
      await running;
    },
  };
  return { verifier, knowledge };
}
