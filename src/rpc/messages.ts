/** Records of ours as messages of the contract, and back. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type LoginResponse,
  type LogoutRequest,
  LogoutScope as LogoutScopeEnum,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Revision as RevisionMessage, RevisionSchema } from "../../gen/sallyport/auth/v1/revision_pb.ts";
import { RoleSchema } from "../../gen/sallyport/auth/v1/role_pb.ts";
import { ServiceCredentialSchema } from "../../gen/sallyport/auth/v1/service_credential_pb.ts";
import { SessionSchema } from "../../gen/sallyport/auth/v1/session_pb.ts";
import { SigningKeySchema, SigningKeyState } from "../../gen/sallyport/auth/v1/signing_key_pb.ts";
import { UserSchema, UserState } from "../../gen/sallyport/auth/v1/user_pb.ts";
import type { Revision } from "../check/revision.ts";
import type { LogoutScope } from "../login/logout.ts";
import type { TokenPair } from "../login/token-pair.ts";
import { audiencesOf } from "../sessions/session-life.ts";
import type { KeyRow } from "../store/queries/keys.ts";
import type { RoleRow } from "../store/queries/roles.ts";
import { permissionsOf, type ServiceRow } from "../store/queries/services.ts";
import type { SessionRow } from "../store/queries/sessions.ts";
import type { UserRow } from "../store/queries/users.ts";

/** A user as everybody may see it: all but the password hash. */
export function toUser(user: UserRow) {
  return create(UserSchema, {
    id: user.id,
    username: user.username,
    email: user.email ?? "",
    emailVerified: user.email_verified === 1,
    roles: [...user.roles],
    state: user.state === "active" ? UserState.ACTIVE : UserState.DISABLED,
    createTime: timestampFromMs(user.create_time),
  });
}

/** A session; `currentId` is the one that asks. */
export function toSession(session: SessionRow, currentId: string) {
  return create(SessionSchema, {
    id: session.id,
    deviceName: session.device_name,
    audiences: [...audiencesOf(session)],
    authTime: timestampFromMs(session.auth_time),
    lastRefreshTime: timestampFromMs(session.rotated_at),
    idleExpireTime: timestampFromMs(session.refresh_expires_at),
    absoluteExpireTime: timestampFromMs(session.absolute_expires_at),
    current: session.id === currentId,
  });
}

/** A role and what it grants. */
export function toRole({ name, permissions, builtIn }: RoleRow) {
  return create(RoleSchema, { name, permissions: [...permissions], builtIn });
}

/** A service credential as everybody may see it: all but the hash of its key. */
export function toServiceCredential(service: ServiceRow) {
  const { id, name, created_at, last_used_at } = service;
  return create(ServiceCredentialSchema, {
    id,
    name,
    permissions: [...permissionsOf(service)],
    createTime: timestampFromMs(created_at),
    ...(last_used_at !== null && { lastUseTime: timestampFromMs(last_used_at) }),
  });
}

const KEY_STATES = {
  next: SigningKeyState.NEXT,
  active: SigningKeyState.ACTIVE,
  retired: SigningKeyState.RETIRED,
} as const;

/** A signing key as everybody may see it. */
export function toSigningKey({ kid, algorithm, state, created_at, expires_at }: KeyRow) {
  return create(SigningKeySchema, {
    id: kid,
    algorithm,
    state: KEY_STATES[state],
    createTime: timestampFromMs(created_at),
    ...(expires_at !== null && { expireTime: timestampFromMs(expires_at) }),
  });
}

/** The fields that the answers of `Login` and `Refresh` share. */
export function toTokens(pair: TokenPair): Omit<LoginResponse, "$typeName" | "$unknown"> {
  return {
    accessToken: pair.accessToken,
    refreshToken: pair.refreshToken,
    accessTokenExpiresAt: timestampFromMs(pair.accessExpiresAt),
    refreshTokenExpiresAt: timestampFromMs(pair.refreshExpiresAt),
    sessionId: pair.sessionId,
    user: toUser(pair.user),
  };
}

/** A point in the log. */
export function toRevision({ logId, number }: Revision) {
  return create(RevisionSchema, { logId, number: BigInt(number) });
}

/** A revision of the log that the instance follows now, as a message. */
export type RevisionOf = (number: number) => RevisionMessage;

/** A {@link RevisionOf}. */
export function createRevisionOf(knowledge: { readonly logId: () => string }): RevisionOf {
  return (number) => toRevision({ logId: knowledge.logId(), number });
}

/** A point in the log, as a client kept it. */
export function fromRevision({ logId, number }: RevisionMessage): Revision {
  return { logId, number: Number(number) };
}

/** Which sessions to end. */
export function fromScope(scope: LogoutRequest["scope"]): LogoutScope {
  if (scope === LogoutScopeEnum.ALL) return "ALL";
  return scope === LogoutScopeEnum.OTHERS ? "OTHERS" : "SESSION";
}
