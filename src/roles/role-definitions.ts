/**
 * What roles there are and what they grant. `user` and `admin` are there from the
 * start and stay; `admin` grants everything and cannot be changed. A change is in
 * the log and holds for tokens that are out; nobody can grant what it lacks itself.
 */
import type { Audit } from "../audit/audit.ts";
import { Refusal } from "../errors.ts";
import type { Patience } from "../lib/patience.ts";
import type { Commit } from "../revocations/commit.ts";
import { announceRole } from "../revocations/entries.ts";
import { lockDefinitions, lockRole } from "../store/queries/locks.ts";
import {
  buryRole,
  countRoles,
  deletionTimeOf,
  findRole,
  isRoleInUse,
  type RoleRow,
  saveRole,
} from "../store/queries/roles.ts";
import type { Tx } from "../store/store.ts";
import { type Actor, onBehalfOf, refuseEscalation } from "./actor.ts";
import { ADMIN } from "./built-in.ts";

/** As many roles as a snapshot carries with ease. */
const MAX_ROLES = 500;

/** Changes roles. Each answers with the revision from which everybody knows. */
export type RoleDefinitions = {
  /** @throws Refusal ROLE_BUILT_IN, ROLE_NAME_RESTING, TOO_MANY_ROLES, PRIVILEGE_ESCALATION. */
  readonly set: (
    name: string,
    permissions: readonly string[],
    actor: Actor,
    patience?: Patience,
  ) => Promise<{ revision: number; role: RoleRow }>;
  /** @throws Refusal ROLE_NOT_FOUND, ROLE_BUILT_IN, ROLE_IN_USE. */
  readonly delete: (name: string, actor: Actor, patience?: Patience) => Promise<{ revision: number }>;
};

type RoleDefinitionsDeps = {
  readonly commit: Commit;
  readonly audit: Audit;
  /** The longest life of any access token, in milliseconds: so long may one carry a role that is gone. */
  readonly maxAccessTtlMs: () => number;
};

/** {@link RoleDefinitions} in the database. */
export function createRoleDefinitions({ commit, audit, maxAccessTtlMs }: RoleDefinitionsDeps): RoleDefinitions {
  async function save(tx: Tx, name: string, permissions: readonly string[], actor: Actor) {
    await lockDefinitions(tx);
    if ((await findRole(tx.db, name)) === null) await refuseNewName(tx, name);
    await saveRole(tx.db, name, permissions);
    const revision = await announceRole(tx, name, permissions, maxAccessTtlMs());
    await audit.record(tx, { kind: "role_set", actor: actor?.id ?? null, details: { role: name, permissions } });
    const role = await findRole(tx.db, name);
    if (role === null) throw new Error("a role that was just set is missing");
    return { revision, role };
  }

  async function refuseNewName(tx: Tx, name: string): Promise<void> {
    const deletedAt = await deletionTimeOf(tx.db, name);
    const restMs = deletedAt === null ? 0 : deletedAt + maxAccessTtlMs() - tx.now;
    if (restMs > 0) throw new Refusal("ROLE_NAME_RESTING", { retryAfterMs: restMs });
    if ((await countRoles(tx.db)) >= MAX_ROLES) throw new Refusal("TOO_MANY_ROLES");
  }

  async function bury(tx: Tx, name: string, actor: Actor) {
    await lockDefinitions(tx);
    await lockRole(tx, name);
    const role = await findRole(tx.db, name);
    if (role === null) throw new Refusal("ROLE_NOT_FOUND");
    if (role.builtIn) throw new Refusal("ROLE_BUILT_IN");
    if (await isRoleInUse(tx.db, name)) throw new Refusal("ROLE_IN_USE");
    await buryRole(tx, name);
    const revision = await announceRole(tx, name, null, maxAccessTtlMs());
    await audit.record(tx, { kind: "role_deleted", actor: actor?.id ?? null, details: { role: name } });
    return { revision };
  }

  return {
    async set(name, permissions, actor, patience) {
      if (name === ADMIN) throw new Refusal("ROLE_BUILT_IN");
      refuseEscalation(actor, permissions);
      return commit(
        onBehalfOf(actor, (tx) => save(tx, name, permissions, actor)),
        patience,
      );
    },
    delete: (name, actor, patience) =>
      commit(
        onBehalfOf(actor, (tx) => bury(tx, name, actor)),
        patience,
      ),
  };
}
