/**
 * Who holds which roles. An assignment voids the tokens that carry the old roles;
 * their owners refresh and go on. Somebody always holds `admin`.
 */
import type { Audit } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { Commit } from "../revocations/commit.ts";
import { voidPrivileges } from "../revocations/entries.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import { areRoles } from "../store/queries/roles.ts";
import { lockUser, replaceRoles, type UserRow } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";
import { type Actor, onBehalfOf, refuseForeignRoles } from "./actor.ts";
import { ADMIN } from "./built-in.ts";
import { refuseLastAdmin } from "./last-admin.ts";

/**
 * Replaces the roles of a user.
 * @throws Refusal USER_NOT_FOUND, ROLE_NOT_FOUND, LAST_ADMIN, PRIVILEGE_ESCALATION.
 */
export type AssignRoles = (
  userId: string,
  roles: readonly string[],
  actor: Actor,
  patience?: Patience,
) => Promise<{ readonly revision: number; readonly user: UserRow }>;

/** An {@link AssignRoles}. */
export function createRoleAssignment(deps: { readonly commit: Commit; readonly audit: Audit }): AssignRoles {
  return (userId, roles, actor, patience) =>
    deps.commit(
      onBehalfOf(actor, (tx) => assign(tx, userId, roles, actor)),
      patience,
    );

  async function assign(tx: Tx, userId: string, roles: readonly string[], actor: Actor) {
    await lockDefinitions(tx);
    const user = await lockUser(tx, userId);
    if (user === null) throw new Refusal("USER_NOT_FOUND");
    if (!(await areRoles(tx.db, roles))) throw new Refusal("ROLE_NOT_FOUND");
    refuseForeignRoles(actor, changed(user.roles, roles));
    if (!roles.includes(ADMIN)) await refuseLastAdmin(tx, user);
    await replaceRoles(tx.db, userId, roles);
    const revision = await voidPrivileges(tx, userId);
    await deps.audit.record(tx, { kind: "roles_assigned", userId, actor: actor?.id ?? null, details: { roles } });
    return { revision, user: { ...user, epoch: user.epoch + 1, roles: [...roles].sort() } };
  }
}

/** The roles that one of the two has and the other has not. */
function changed(before: readonly string[], after: readonly string[]): readonly string[] {
  return [...before.filter((role) => !after.includes(role)), ...after.filter((role) => !before.includes(role))];
}
