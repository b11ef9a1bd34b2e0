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
    async signup(request, context) {
      return { user: toUser(await deps.signup(request, context)) };
    },
    async login(request, context) {
      return toTokens(await deps.login(request, context));
    },
    async refresh(request, context) {
      return toTokens(await deps.refresh(request, context));
    },
    async logout({ refreshToken, scope }, context) {
      const accessToken = bearerToken(context.values.get(callKey).authorization);
      const input = { refreshToken, accessToken, scope: fromScope(scope) };
      return { revision: toRevision(await deps.logout(input, context)) };
    },
    authorize: (request, context) => deps.authorize(request, context),
    batchAuthorize: (request, context) => batchAuthorize(request, deps.authorize, context),
  };
}
