/**
 * The composition root of everything but the network: database, keys, knowledge,
 * and the flows on them, each built by name and handed what it needs. The server
 * and every command stand on this.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type AuditKind, createAudit } from "./audit/audit.ts";
import { createChecker } from "./check/checker.ts";
import { createKnowledge } from "./check/knowledge.ts";
import { type Config, LIMITS } from "./config.ts";
import { openDatabase } from "./database.ts";
import type { Clock } from "./lib/clock.ts";
import { createCountedClock } from "./lib/counted-clock.ts";
import { givingWay } from "./lib/give-way.ts";
import { createGuardedClock } from "./lib/guarded-clock.ts";
import { endingInPairs } from "./lib/in-pairs.ts";
import { createMachineCount } from "./lib/machine-count.ts";
import type { Patience } from "./lib/patience.ts";
import type { Permits } from "./lib/permits.ts";
import type { Random } from "./lib/random.ts";
import type { Log } from "./log.ts";
import { createLogin } from "./login/login.ts";
import { createLogout } from "./login/logout.ts";
import { createRefresh } from "./login/refresh.ts";
import { createTokenPairIssuer } from "./login/token-pair.ts";
import { createHashPermits, createPasswordHasher, hashPermitsOf } from "./passwords/password-hasher.ts";
import { createCommit } from "./revocations/commit.ts";
import { ensureLog } from "./revocations/ensure-log.ts";
import { createFeed } from "./revocations/feed.ts";
import { createLogFollower } from "./revocations/log-follower.ts";
import { createWaitForRevision } from "./revocations/wait-for-revision.ts";
import type { Actor } from "./roles/actor.ts";
import { createRoleAssignment } from "./roles/assign-roles.ts";
import { createRoleDefinitions } from "./roles/role-definitions.ts";
import { createServiceUse } from "./services/service-use.ts";
import { createServices } from "./services/services.ts";
import { createOwnSessionRevocation } from "./sessions/own-sessions.ts";
import { createSessionLife } from "./sessions/session-life.ts";
import { createUserSessionRevocation } from "./sessions/user-sessions.ts";
import { newestAuditTime } from "./store/queries/audit.ts";
import { listKeys } from "./store/queries/keys.ts";
import { unlessSealed } from "./store/seal.ts";
import { createAccessTokenIssuer } from "./tokens/access-token-issuer.ts";
import { createAudiencePolicy } from "./tokens/audience-policy.ts";
import { claimDatabase } from "./tokens/claim-database.ts";
import { declareRestored } from "./tokens/declare-restored.ts";
import { ensureKeys, rotateKeys } from "./tokens/key-life.ts";
import { createKeyRing } from "./tokens/key-ring.ts";
import { loadMasterKeys } from "./tokens/master-key.ts";
import { createPageTokens } from "./tokens/page-token.ts";
import { createRefreshTokens } from "./tokens/refresh-token.ts";
import { rewrapKeys } from "./tokens/rewrap-keys.ts";
import { withdrawKey } from "./tokens/withdraw-key.ts";
import { createAccountState } from "./users/account-state.ts";
import { createUserCreator } from "./users/create-user.ts";
import { createSignup } from "./users/signup.ts";

/** Verified tokens that are remembered. */
const TOKEN_CACHE_CAPACITY = 20_000;

/** What the core is built from. */
export type CoreDeps = {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Counts milliseconds whatever is done to the clock, while the machine is suspended too, where it is not this machine's. */
  readonly uptimeMs?: () => number;
  /** Time between checkpoints of the revocation feed, in milliseconds, where it is not the one of the contract. */
  readonly checkpointMs?: number;
  /** Permits for password hashes, where they are not those of this process alone. */
  readonly hashPermits?: Permits;
  /** Told of each event of the audit trail, by its kind alone. */
  readonly onAuditEvent?: (kind: AuditKind) => void;
};

/** The core, ready to work. */
export type Core = Awaited<ReturnType<typeof openCore>>;

/**
 * Opens the database (making it, its keys and its log where there are none), reads
 * it into memory and follows it.
 * @throws UnusableDatabase, UnusableSchema, MasterKeyError, and what the file system throws.
 */
export async function openCore({ config, log, random, ...others }: CoreDeps) {
  const { checkpointMs = LIMITS.checkpointMs, onAuditEvent = () => {} } = others;
  const count = others.uptimeMs ?? createMachineCount();
  const countedClock = createCountedClock(others.clock, count);
  const store = await openDatabase(config, countedClock);
  const tick = () => performance.now();
  /** Where the database has a clock of its own, everybody goes by that. */
  const guardedClock =
    config.database === null
      ? null
      : createGuardedClock({
          clock: others.clock,
          readTime: () => store.write(async ({ now }) => now),
          tick: count,
        });
  const clock = guardedClock ?? countedClock;
  const { earliest, isDoubtful } = clock;
  try {
    if (guardedClock === null) countedClock.heed(await store.read(newestAuditTime));
    const mayCreate = (await store.read(listKeys)).length === 0;
    const masterKeys = loadMasterKeys({ stated: config.masterKeys, dataDir: config.dataDir, mayCreate, random });
    const audit = createAudit({ random, log, onRecorded: onAuditEvent });
    const keyLife = {
      store,
      masterKeys,
      algorithm: config.signingAlgorithm,
      jwksCacheLifeMs: LIMITS.jwksCacheLifeMs,
      audit,
      clock,
      random,
    };
    await ensureKeys(keyLife);
    await ensureLog(store, random);

    const keys = createKeyRing(masterKeys);
    const knowledge = createKnowledge();
    const feed = createFeed({ knowledge, clock, tick, checkpointMs });
    const follower = createLogFollower({
      store,
      knowledge,
      loadKeys: keys.load,
      feed,
      clock,
      earliest,
      log,
    });
    const commit = createCommit({ store, follower });
    const keyChange = { ...keyLife, commit };
    const confirmedAt = () => clock.now() - knowledge.stalenessMs(clock.now());
    const checker = createChecker({
      keys: keys.verificationKeys,
      issuer: config.issuer,
      maxTtlMs: keys.maxAccessTtlMs,
      revocations: knowledge.revocations,
      roles: knowledge.roles,
      clock,
      asOf: confirmedAt,
      stalenessBoundMs: LIMITS.stalenessBoundMs,
      cacheCapacity: TOKEN_CACHE_CAPACITY,
    });

    const permits = others.hashPermits ?? createHashPermits(hashPermitsOf(config));
    const loop = {
      time: () => performance.eventLoopUtilization(),
      tick,
      pause: (ms: number, signal?: AbortSignal) => pause(ms, undefined, { signal }),
    };
    const hashing = endingInPairs(givingWay(permits, loop), permits.waiting);
    const hasher = createPasswordHasher({ argon2: config.argon2, permits: hashing, random });
    const sessions = createSessionLife({ times: config, random });
    const audiences = createAudiencePolicy(config.audiences);
    const refreshTokens = createRefreshTokens({ issuer: config.issuer, keys });
    const issueAccessToken = createAccessTokenIssuer({ issuer: config.issuer, keys, random });
    const issueTokenPair = createTokenPairIssuer({
      issueAccessToken,
      refreshTokens,
      accessTokenTtlMs: config.accessTokenTtlMs,
    });
    const createUser = createUserCreator({ store, hasher, audit, random });
    const serviceUse = createServiceUse({ store, clock });

    await follower.start();
    return {
      store: { ...store, read: unlessSealed(store.read, follower.isSealed) },
      isSealed: follower.isSealed,
      keys,
      knowledge,
      feed,
      checkpointMs,
      checker,
      /** When what is known was last confirmed to be the newest, in milliseconds. */
      confirmedAt,
      /** Notes what this server's tokens depend on; before it issues any. */
      claimDatabase: () =>
        claimDatabase({
          read: store.read,
          commit,
          issuer: config.issuer,
          accessTokenTtlMs: config.accessTokenTtlMs,
          mayChangeIssuer: config.database === null,
          log,
        }),
      /** What checks go by. */
      clock,
      /** The same, where it is held against the database's. */
      guardedClock,
      /** The same, where nobody has a clock but the machine. */
      countedClock: guardedClock === null ? countedClock : null,
      earliest,
      hashQueue: permits,
      standardAudience: audiences.standard,
      waitForRevision: createWaitForRevision({ knowledge, follower }),
      pageTokens: createPageTokens(keys),
      createUser,
      accountState: createAccountState({ read: store.read, commit, hasher, audit }),
      signup: createSignup({ createUser, signupRoles: config.signupRoles }),
      login: createLogin({ readAtOnce: store.readAtOnce, commit, hasher, sessions, audiences, issueTokenPair, audit }),
      refresh: createRefresh({
        commit,
        refreshTokens,
        sessions,
        audiences,
        issueTokenPair,
        audit,
        clock,
        isDoubtful,
        isUndecided: guardedClock === null ? isDoubtful : () => false,
      }),
      logout: createLogout({ commit, refreshTokens, checker, knowledge, audit, clock }),
      revokeOwnSession: createOwnSessionRevocation({ commit, audit }),
      userSessions: createUserSessionRevocation({ commit, audit }),
      assignRoles: createRoleAssignment({ commit, audit }),
      roleDefinitions: createRoleDefinitions({ commit, audit, maxAccessTtlMs: keys.maxAccessTtlMs }),
      services: createServices({ commit, audit, random }),
      serviceUse,
      rotateKeys: (force: boolean, actor: Actor, patience?: Patience) => rotateKeys(keyChange, force, actor, patience),
      withdrawKey: (kid: string, actor: Actor, patience?: Patience) => withdrawKey(keyChange, kid, actor, patience),
      rewrapKeys: (actor: Actor, patience?: Patience) => rewrapKeys(keyLife, actor, patience),
      declareRestored: () => declareRestored(keyLife),
      async close() {
        follower.stop();
        await serviceUse.flush().catch((error: unknown) => log.warn({ event: "service_use_lost", error }));
        await store.close();
        // Who closes it may have something to say beside the log: why the program ends.
        log.flush();
      },
    };
  } catch (error) {
    await store.close();
    log.flush();
    throw error;
  }
}
