/** The service: the core behind the contract, on one port. */
import type { ConnectRouter } from "@connectrpc/connect";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AccountService } from "../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AuthService } from "../gen/sallyport/auth/v1/auth_service_pb.ts";
import { VerifierService } from "../gen/sallyport/auth/v1/verifier_service_pb.ts";
import type { Checker } from "./check/checker.ts";
import { LIMITS } from "./config.ts";
import { type Core, type CoreDeps, openCore } from "./core.ts";
import { createIsService } from "./forward-auth/asking-service.ts";
import { createForwardAuth } from "./forward-auth/forward-auth.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { createReadiness } from "./readiness.ts";
import { USER } from "./roles/built-in.ts";
import { forServicesOnly, readAccessRules } from "./rpc/access-rules.ts";
import { createAccountService } from "./rpc/account-service.ts";
import { createAdminService } from "./rpc/admin-service.ts";
import { createAuthService } from "./rpc/auth-service.ts";
import { createAuthorize } from "./rpc/authorize.ts";
import { createActorOf } from "./rpc/caller.ts";
import { createInterceptors } from "./rpc/interceptors.ts";
import { createRevisionOf } from "./rpc/messages.ts";
import { createVerifierService } from "./rpc/verifier-service.ts";
import { BOUNDS } from "./server/bounds.ts";
import { createServer } from "./server/server.ts";
import { openTlsFiles } from "./server/tls.ts";
import { newestAuditTime } from "./store/queries/audit.ts";
import { countedDecisions } from "./telemetry/event-counters.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { createMetricsListener } from "./telemetry/metrics-listener.ts";
import { readVersion } from "./version.ts";
import type { WorkerLink } from "./workers/worker-link.ts";

/** Services of the contract. */
const SERVICES = [AuthService, AccountService, AdminService, VerifierService];

/** All that is served: the contract, and what clients expect beside it. */
export const SERVED = [...SERVICES, Health, ServerReflection, ServerReflectionAlpha];

/** What SALLYPORT_AUTHORIZE_CALLERS is about. */
const AUTHORIZE_METHODS = [AuthService.method.authorize, AuthService.method.batchAuthorize];

/** The service, as an operator sees it. */
export type App = {
  /** Starts to listen; where. */
  readonly listen: () => Promise<{ readonly url: string; readonly port: number }>;
  /** Stops in good order: drains, finishes what is under way, closes the database last. */
  readonly close: () => Promise<void>;
};

/** What a worker has from its supervisor, instead of what a process by itself makes. */
export type WorkerParts = Pick<WorkerLink, "intake" | "hashPermits" | "allFigures" | "showFigures"> & {
  /** Whether it is the one that tidies the database. */
  readonly sweeps: boolean;
};

/** What the service is built from. */
export type AppDeps = Omit<CoreDeps, "hashPermits" | "onAuditEvent"> & {
  /** Where it is one of several processes on the port. */
  readonly worker?: WorkerParts;
  /** Calls that may watch the revocation feed at once, in all and of one service, where these are not the usual ones. */
  readonly watcherBounds?: { readonly all: number; readonly ofService: number };
};

/** Builds the service. @throws whatever keeps the core from opening, AccessRuleError, or TlsFileError. */
export async function createApp({ worker, ...deps }: AppDeps): Promise<App> {
  const { config, log, clock, random } = deps;
  const stated = readAccessRules(SERVED);
  const rules = config.authorizeCallers === "services" ? forServicesOnly(stated, AUTHORIZE_METHODS) : stated;
  // Before the database: a start that is bound to fail touches nothing.
  const tlsFiles = await openTlsFiles(config.tls);
  const version = readVersion();
  const tick = () => performance.now();
  const metrics = config.metricsOpen ? createMetrics({ version, services: SERVED, tick }) : null;
  const core = await openCore({
    ...deps,
    ...(metrics !== null && { onAuditEvent: metrics.noteEvent }),
    ...(worker !== undefined && { hashPermits: worker.hashPermits }),
  });
  await core.claimDatabase().catch(async (error: unknown) => {
    await core.close();
    throw error;
  });
  const { store, serviceUse, earliest } = core;
  const housekeeping = createHousekeeping({ store, serviceUse, earliest, log, sweeps: worker?.sweeps ?? true });
  const readiness = createReadiness({
    readNewestTime: () => core.store.read(newestAuditTime),
    guardedClock: core.guardedClock,
    countedClock: core.countedClock,
    stalenessMs: () => core.knowledge.stalenessMs(core.clock.now()),
    stalenessBoundMs: LIMITS.stalenessBoundMs,
    isSealed: core.isSealed,
    clock,
    log,
  });
  const { isReady } = readiness;
  metrics?.show({
    hashQueue: core.hashQueue,
    knowledge: core.knowledge,
    watchers: core.feed.watchers,
    isReady,
    clock: core.clock,
  });
  if (metrics !== null) worker?.showFigures(metrics.figures);
  const exposition = metrics && { ...metrics.exposition, ...worker?.allFigures };
  const ownAddress = worker === undefined ? config.metricsAddress : null;
  const metricsPort = exposition && ownAddress && createMetricsListener(ownAddress, exposition);
  const check = metrics === null ? core.checker.check : countedDecisions(core.checker.check, metrics.noteDecision);
  const server = createServer({
    config,
    intake: worker?.intake,
    tlsFiles,
    log,
    clock,
    random,
    version,
    routes: routesOf(core, deps, check),
    interceptors: createInterceptors({
      rules,
      checker: core.checker,
      services: core.knowledge.services,
      noteServiceUse: core.serviceUse.note,
    }),
    services: SERVICES,
    jwks: core.keys.jwks,
    isReady,
    forwardAuth: forwardAuthOf(core, deps, check),
    meter: metrics?.requests ?? null,
    metrics: config.metricsAddress === null ? exposition : null,
  });
  return {
    async listen() {
      await readiness.start();
      const metricsUrl = await metricsPort?.listen();
      if (metricsUrl !== undefined) log.info({ event: "metrics_listening", url: metricsUrl });
      const address = await server.listen();
      housekeeping.start();
      return address;
    },
    async close() {
      await server.close();
      housekeeping.stop();
      readiness.stop();
      await metricsPort?.close();
      metrics?.stop();
      await core.close();
    },
  };
}

function forwardAuthOf(core: Core, { config, log }: CoreDeps, check: Checker["check"]) {
  const { clock, knowledge, serviceUse, standardAudience } = core;
  const isService = createIsService({ services: knowledge.services, noteServiceUse: serviceUse.note });
  return createForwardAuth({
    check,
    isService: config.authorizeCallers === "services" ? isService : null,
    audiences: config.audiences,
    standardAudience,
    asOf: core.confirmedAt,
    stalenessBoundMs: LIMITS.stalenessBoundMs,
    clock,
    log,
  });
}

function routesOf(core: Core, { config, watcherBounds }: Omit<AppDeps, "worker">, check: Checker["check"]) {
  const { clock, store, knowledge, pageTokens, waitForRevision, standardAudience } = core;
  const { signup, login, refresh, logout, revokeOwnSession } = core;
  const { createUser, assignRoles, accountState, userSessions, roleDefinitions, services } = core;
  const { rotateKeys, withdrawKey, rewrapKeys } = core;
  const { read } = store;
  const revisionOf = createRevisionOf(knowledge);
  const authorize = createAuthorize({ checker: { check }, knowledge, waitForRevision, standardAudience, clock });
  return (router: ConnectRouter): void => {
    router.service(AuthService, createAuthService({ signup, login, refresh, logout, authorize }));
    router.service(AccountService, createAccountService({ read, revokeOwnSession, pageTokens, revisionOf, clock }));
    router.service(
      VerifierService,
      createVerifierService({
        feed: core.feed,
        keys: core.keys,
        services: knowledge.services,
        issuer: config.issuer,
        clock,
        checkpointMs: core.checkpointMs,
        waitForRevision: core.waitForRevision,
        maxWatchers: watcherBounds?.all ?? BOUNDS.feedWatchers,
        maxWatchersOfService: watcherBounds?.ofService ?? BOUNDS.feedWatchersOfService,
      }),
    );
    router.service(
      AdminService,
      createAdminService({
        read,
        createUser,
        assignRoles,
        accountState,
        userSessions,
        roleDefinitions,
        services,
        rotateKeys,
        withdrawKey,
        rewrapKeys,
        pageTokens,
        revisionOf,
        clock,
        actorOf: createActorOf({ roles: knowledge.roles, freeRoles: new Set([USER, ...config.signupRoles]) }),
      }),
    );
  };
}
