/** Builds a verifier out of its parts, each by name. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { VerifierService } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { Rule } from "../check/rule.ts";
import type { Verifier } from "./api.ts";
import { createBundleKeeper } from "./bundle-keeper.ts";
import { createConnection } from "./connection.ts";
import { createDecisions } from "./decisions.ts";
import { createFeedClient } from "./feed-client.ts";
import { createFollowedTokens } from "./followed-tokens.ts";
import { createFreshness } from "./freshness.ts";
import { createHeldKnowledge } from "./held-knowledge.ts";
import type { Settled } from "./options.ts";
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
};

/** A verifier that runs. */
export function buildVerifier(options: Settled, { tick, wall, random }: Surroundings): Verifier {
  const { baseUrl, apiKey, audience, maxStalenessMs, onStale, cacheCapacity, bundle, tls = {} } = options;
  const tell = options.onEvent ?? warnOf(onStale);
  const connections = [createConnection(baseUrl, tls), createConnection(baseUrl, tls)] as const;
  const [feedConnection, askConnection] = connections;
  const transportOver = (sessionManager: typeof feedConnection) =>
    options.transport ?? createGrpcTransport({ baseUrl, sessionManager });

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
    onConfirmed: () => freshness.look(),
  });
  const freshness = createFreshness({
    knowledge,
    maxStalenessMs,
    bundleMaxAgeMs: bundle?.maxAgeMs ?? 0,
    tell,
    onFresh: waiters.look,
  });
  const checkNow = (token: string, rule: Rule) => knowledge.check({ token, audience, rule });
  const followed = createFollowedTokens({ check: checkNow, now: serverTime.now });
  const askRemote = createRemote({
    client: createClient(AuthService, transportOver(askConnection)),
    apiKey,
    audience,
    maxStalenessMs,
  });
  const decisions = createDecisions({ checkNow, askRemote, isFresh: freshness.isFresh, onStale, knowledge, waiters });
  const feedClient = createFeedClient({
    client: createClient(VerifierService, transportOver(feedConnection)),
    apiKey,
    dropConnection: feedConnection.drop,
    position: knowledge.revision,
    createReader: knowledge.createReader,
    checkpointMs: knowledge.checkpointMs,
    isStale: () => knowledge.stalenessMs() > maxStalenessMs,
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
    freshness.start();
    keeper?.start();
    await feedClient.run(stop.signal);
  }
  const running = run();

  return {
    audience,
    check: decisions.check,
    authorize: decisions.authorize,
    follow: (token, rule, onDenied) => followed.follow(token, decisions.complete(rule), onDenied),
    ready: ({ signal } = {}) =>
      waiters.until(() => freshness.isFresh(), "TOO_STALE", signal === undefined ? {} : { signal }),
    state: () => ({
      isFresh: freshness.isFresh(),
      stalenessMs: knowledge.stalenessMs(),
      revision: knowledge.revision(),
      isConnected: freshness.isConnected(),
    }),
    async close() {
      decisions.close();
      freshness.stop();
      followed.clear();
      waiters.dismiss();
      stop.abort();
      await running;
      for (const { drop } of connections) drop();
      await keeper?.stop();
    },
  };
}
