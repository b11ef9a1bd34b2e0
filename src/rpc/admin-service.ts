import type { ServiceImpl } from "@connectrpc/connect";
import type { AdminService, GetUserRequest } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import type { Knowledge } from "../check/knowledge.ts";
import { Refusal } from "../errors.ts";
import type { AssignRoles } from "../roles/assign-roles.ts";
import type { RoleDefinitions } from "../roles/role-definitions.ts";
import { listRoles } from "../store/queries/roles.ts";
import { findUser, listUsers, type UserRow } from "../store/queries/users.ts";
import type { Queries, Store } from "../store/store.ts";
import type { PageTokens } from "../tokens/page-token.ts";
import { findByEmail, findByUsername } from "../users/find-user.ts";
import { actorOf } from "./caller.ts";
import { toRevision, toRole, toUser } from "./messages.ts";
import { fetchPage } from "./paging.ts";

type AdminServiceDeps = {
  readonly read: Store["read"];
  readonly assignRoles: AssignRoles;
  readonly roleDefinitions: RoleDefinitions;
  readonly pageTokens: PageTokens;
  readonly knowledge: Pick<Knowledge, "logId" | "roles">;
};

/** `AdminService`: users and roles. */
export function createAdminService(deps: AdminServiceDeps): ServiceImpl<typeof AdminService> {
  const { read, assignRoles, roleDefinitions, pageTokens, knowledge } = deps;
  const { roles } = knowledge;
  const revisionOf = (number: number) => toRevision({ logId: knowledge.logId(), number });
  return {
    async listUsers(request) {
      const { role } = request;
      const page = await fetchPage(
        request,
        ["users", role],
        pageTokens,
        (after, limit) => read((db) => listUsers(db, { after, limit, role })),
        ({ id }) => id,
      );
      return { users: page.items.map(toUser), nextPageToken: page.nextPageToken };
    },
    async getUser({ identity }) {
      const user = await read((db) => findByIdentity(db, identity));
      if (user === null) throw new Refusal("USER_NOT_FOUND");
      return { user: toUser(user) };
    },
    async setUserRoles(request, context) {
      const { revision, user } = await assignRoles(request.userId, request.roles, actorOf(context, roles));
      return { revision: revisionOf(revision), user: toUser(user) };
    },
    async listRoles(request) {
      const page = await fetchPage(
        request,
        ["roles"],
        pageTokens,
        (after, limit) => read((db) => listRoles(db, { after, limit })),
        ({ name }) => name,
      );
      return { roles: page.items.map(toRole), nextPageToken: page.nextPageToken };
    },
    async setRole({ name, permissions }, context) {
      const { revision, role } = await roleDefinitions.set(name, permissions, actorOf(context, roles));
      return { revision: revisionOf(revision), role: toRole(role) };
    },
    async deleteRole({ name }, context) {
      const { revision } = await roleDefinitions.delete(name, actorOf(context, roles));
      return { revision: revisionOf(revision) };
    },
  };
}

async function findByIdentity(db: Queries, identity: GetUserRequest["identity"]): Promise<UserRow | null> {
  switch (identity.case) {
    case "userId":
      return findUser(db, "id", identity.value);
    case "username":
      return findByUsername(db, identity.value);
    case "email":
      return findByEmail(db, identity.value);
    default:
      return null;
  }
}
