/** The service: the core behind the contract, on one port. */
import type { ConnectRouter } from "@connectrpc/connect";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { AccountService } from "../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AuthService } from "../gen/sallyport/auth/v1/auth_service_pb.ts";
import { LIMITS } from "./config.ts";
import { type Core, type CoreDeps, openCore } from "./core.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { forServicesOnly, readAccessRules } from "./rpc/access-rules.ts";
import { createAccountService } from "./rpc/account-service.ts";
import { createAdminService } from "./rpc/admin-service.ts";
import { createAuthService } from "./rpc/auth-service.ts";
import { createAuthorize } from "./rpc/authorize.ts";
import { createInterceptors } from "./rpc/interceptors.ts";
import { createServer } from "./server/server.ts";
import { readVersion } from "./version.ts";

/** Services of the contract. */
const SERVICES = [AuthService, AccountService, AdminService];

/** What SALLYPORT_AUTHORIZE_CALLERS is about. */
const AUTHORIZE_METHODS = [AuthService.method.authorize, AuthService.method.batchAuthorize];

/** The service, as an operator sees it. */
export type App = {
  /** Starts to listen; where. */
  readonly listen: () => Promise<{ readonly url: string; readonly port: number }>;
  /** Stops in good order: drains, finishes what is under way, closes the database last. */
  readonly close: () => Promise<void>;
};

/** Builds the service. @throws whatever keeps the core from opening, or AccessRuleError. */
export async function createApp(deps: CoreDeps): Promise<App> {
  const { config, log, clock, random } = deps;
  const stated = readAccessRules([...SERVICES, Health, ServerReflection, ServerReflectionAlpha]);
  const rules = config.authorizeCallers === "services" ? forServicesOnly(stated, AUTHORIZE_METHODS) : stated;
  const core = await openCore(deps);
  const housekeeping = createHousekeeping({ store: core.store, serviceUse: core.serviceUse, clock, log });
  const server = createServer({
    config,
    log,
    clock,
    random,
    version: readVersion(),
    routes: routesOf(core, deps),
    interceptors: createInterceptors({
      rules,
      checker: core.checker,
      services: core.knowledge.services,
      noteServiceUse: core.serviceUse.note,
    }),
    services: SERVICES,
    jwks: core.keys.jwks,
    isReady: () => clock.now() - core.knowledge.asOf() < LIMITS.stalenessBoundMs,
  });
  return {
    async listen() {
      const address = await server.listen();
      housekeeping.start();
      return address;
    },
    async close() {
      await server.close();
      housekeeping.stop();
      await core.close();
    },
  };
}

function routesOf(core: Core, { clock }: CoreDeps) {
  const { store, knowledge, pageTokens, checker, waitForRevision, standardAudience } = core;
  const { signup, login, refresh, logout, revokeOwnSession, assignRoles, roleDefinitions } = core;
  const { read } = store;
  const authorize = createAuthorize({ checker, knowledge, waitForRevision, standardAudience, clock });
  return (router: ConnectRouter): void => {
    router.service(AuthService, createAuthService({ signup, login, refresh, logout, authorize }));
    router.service(AccountService, createAccountService({ read, revokeOwnSession, pageTokens, knowledge, clock }));
    router.service(AdminService, createAdminService({ read, assignRoles, roleDefinitions, pageTokens, knowledge }));
  };
}
