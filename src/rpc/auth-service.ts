import type { ServiceImpl } from "@connectrpc/connect";
import type { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { bearerToken } from "../access/bearer.ts";
import type { Login } from "../login/login.ts";
import type { Logout } from "../login/logout.ts";
import type { Refresh } from "../login/refresh.ts";
import type { Signup } from "../users/signup.ts";
import type { Authorize } from "./authorize.ts";
import { batchAuthorize } from "./batch-authorize.ts";
import { callKey } from "./call.ts";
import { fromScope, toRevision, toTokens, toUser } from "./messages.ts";

type AuthServiceDeps = {
  readonly signup: Signup;
  readonly login: Login;
  readonly refresh: Refresh;
  readonly logout: Logout;
  readonly authorize: Authorize;
};

/** `AuthService`: message in, one call, message out. */
export function createAuthService(deps: AuthServiceDeps): ServiceImpl<typeof AuthService> {
  return {
    async signup(request, { signal }) {
      return { user: toUser(await deps.signup(request, signal)) };
    },
    async login(request, { signal }) {
      return toTokens(await deps.login(request, signal));
    },
    async refresh(request) {
      return toTokens(await deps.refresh(request));
    },
    async logout({ refreshToken, scope }, { values }) {
      const accessToken = bearerToken(values.get(callKey).authorization);
      return { revision: toRevision(await deps.logout({ refreshToken, accessToken, scope: fromScope(scope) })) };
    },
    authorize: (request, context) => deps.authorize(request, context),
    batchAuthorize: (request, context) => batchAuthorize(request, deps.authorize, context),
  };
}
