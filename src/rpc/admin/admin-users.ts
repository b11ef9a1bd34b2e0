import type { GetUserRequest } from "../../../gen/sallyport/auth/v1/admin_users_pb.ts";
import { Refusal } from "../../errors.ts";
import type { AssignRoles } from "../../roles/assign-roles.ts";
import { findUser, listUsers, type UserRow } from "../../store/queries/users.ts";
import type { Queries, Store } from "../../store/store.ts";
import type { PageTokens } from "../../tokens/page-token.ts";
import type { AccountState, ChangedAccount } from "../../users/account-state.ts";
import type { CreateUser } from "../../users/create-user.ts";
import { findByEmail, findByUsername } from "../../users/find-user.ts";
import type { ActorOf } from "../caller.ts";
import { type RevisionOf, toUser } from "../messages.ts";
import { fetchPage } from "../paging.ts";
import type { AdminPart } from "./admin-part.ts";

/** What the RPCs about users call. */
export type AdminUsersDeps = {
  readonly read: Store["read"];
  readonly createUser: CreateUser;
  readonly assignRoles: AssignRoles;
  readonly accountState: AccountState;
  readonly pageTokens: PageTokens;
  readonly revisionOf: RevisionOf;
  readonly actorOf: ActorOf;
};

/** `AdminService`: users. */
export function createAdminUsers(
  deps: AdminUsersDeps,
): AdminPart<
  "listUsers" | "getUser" | "createUser" | "setUserRoles" | "setUserPassword" | "disableUser" | "enableUser"
> {
  const { read, createUser, assignRoles, accountState, pageTokens, revisionOf, actorOf } = deps;

  function toChanged({ revision, user }: ChangedAccount) {
    return { user: toUser(user), revision: revisionOf(revision) };
  }

  return {
    async listUsers(request, context) {
      const { role } = request;
      const page = await fetchPage(
        request,
        ["users", role],
        pageTokens,
        (after, limit) => read((db) => listUsers(db, { after, limit, role }), context),
        ({ id }) => id,
      );
      return { users: page.items.map(toUser), nextPageToken: page.nextPageToken };
    },
    async getUser({ identity }, context) {
      const user = await read((db) => findByIdentity(db, identity), context);
      if (user === null) throw new Refusal("USER_NOT_FOUND");
      return { user: toUser(user) };
    },
    async createUser({ username, password, email, roles }, context) {
      const actor = actorOf(context);
      const user = await createUser({ username, password, email, roles, actor }, context);
      return { user: toUser(user) };
    },
    async setUserRoles({ userId, roles }, context) {
      const { revision, user } = await assignRoles(userId, roles, actorOf(context), context);
      return { revision: revisionOf(revision), user: toUser(user) };
    },
    async setUserPassword({ userId, password }, context) {
      const actor = actorOf(context);
      return toChanged(await accountState.setPassword(userId, password, actor, context));
    },
    async disableUser({ userId }, context) {
      return toChanged(await accountState.disable(userId, actorOf(context), context));
    },
    async enableUser({ userId }, context) {
      const { user } = await accountState.enable(userId, actorOf(context), context);
      return { user: toUser(user) };
    },
  };
}

async function findByIdentity(db: Queries, identity: GetUserRequest["identity"]): Promise<UserRow | null> {
  switch (identity.case) {
    case "userId":
      return findUser(db, "id", identity.value);
    case "username":
      return findByUsername(db, identity.value, findUser);
    case "email":
      return findByEmail(db, identity.value, findUser);
    default:
      return null;
  }
}
