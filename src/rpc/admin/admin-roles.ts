import type { RoleDefinitions } from "../../roles/role-definitions.ts";
import { listRoles } from "../../store/queries/roles.ts";
import type { Store } from "../../store/store.ts";
import type { PageTokens } from "../../tokens/page-token.ts";
import type { ActorOf } from "../caller.ts";
import { type RevisionOf, toRole } from "../messages.ts";
import { fetchPage } from "../paging.ts";
import type { AdminPart } from "./admin-part.ts";

/** What the RPCs about roles call. */
export type AdminRolesDeps = {
  readonly read: Store["read"];
  readonly roleDefinitions: RoleDefinitions;
  readonly pageTokens: PageTokens;
  readonly revisionOf: RevisionOf;
  readonly actorOf: ActorOf;
};

/** `AdminService`: roles. */
export function createAdminRoles(deps: AdminRolesDeps): AdminPart<"listRoles" | "setRole" | "deleteRole"> {
  const { read, roleDefinitions, pageTokens, revisionOf, actorOf } = deps;
  return {
    async listRoles(request, context) {
      const page = await fetchPage(
        request,
        ["roles"],
        pageTokens,
        (after, limit) => read((db) => listRoles(db, { after, limit }), context),
        ({ name }) => name,
      );
      return { roles: page.items.map(toRole), nextPageToken: page.nextPageToken };
    },
    async setRole({ name, permissions }, context) {
      const { revision, role } = await roleDefinitions.set(name, permissions, actorOf(context), context);
      return { revision: revisionOf(revision), role: toRole(role) };
    },
    async deleteRole({ name }, context) {
      const { revision } = await roleDefinitions.delete(name, actorOf(context), context);
      return { revision: revisionOf(revision) };
    },
  };
}
