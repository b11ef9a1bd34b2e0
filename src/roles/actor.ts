/** Who changes something, and what it may hand out. */
import { Refusal } from "../errors.ts";
import { holdSession, holdUser, lockDefinitions } from "../store/queries/locks.ts";
import { isLiveService } from "../store/queries/services.ts";
import { findSession } from "../store/queries/sessions.ts";
import { findUser } from "../store/queries/users.ts";
import type { Tx } from "../store/store.ts";

/** A user or a service that acts; `null` where the operator acts from the command line, and may do anything. */
export type Actor = {
  /** `usr_…` or `svc_…`. */
  readonly id: string;
  /** The session that a user acts in; `null` for a service. */
  readonly sessionId: string | null;
  /** The roles that a user acts with; none for a service. */
  readonly roles: readonly string[];
  /** Whether the actor holds all that a grant covers. */
  readonly holds: (grant: string) => boolean;
  /** Whether the role is the actor's to give: one of its own, or one that anybody may have. */
  readonly mayGive: (role: string) => boolean;
} | null;

/** Refuses to give what the actor does not hold. @throws Refusal PRIVILEGE_ESCALATION. */
export function refuseEscalation(actor: Actor, grants: readonly string[]): void {
  if (actor !== null && !grants.every(actor.holds)) throw new Refusal("PRIVILEGE_ESCALATION");
}

/**
 * Refuses to give or take roles that are not the actor's to give, and to touch accounts
 * that hold them, unless the actor holds everything. What roles grant is not enough:
 * backends may ask for a role by its name alone.
 * @throws Refusal PRIVILEGE_ESCALATION.
 */
export function refuseForeignRoles(actor: Actor, roles: readonly string[]): void {
  if (actor === null || actor.holds("*")) return;
  if (!roles.every(actor.mayGive)) throw new Refusal("PRIVILEGE_ESCALATION");
}

/**
 * A piece of a write that the actor asked for: done only if the actor still is who it
 * was when it was let in. Whoever is disabled, demoted or revoked while its command is
 * on its way is refused.
 * @throws Refusal SESSION_REVOKED, PRIVILEGES_CHANGED, TOKEN_INVALID, and what `work` throws.
 */
export function onBehalfOf<T>(actor: Actor, work: (tx: Tx) => Promise<T>): (tx: Tx) => Promise<T> {
  return async (tx) => {
    if (actor !== null) await confirm(tx, actor);
    return work(tx);
  };
}

async function confirm(tx: Tx, { id, sessionId, roles }: NonNullable<Actor>): Promise<void> {
  const { db } = tx;
  await lockDefinitions(tx);
  if (sessionId === null) {
    if (!(await isLiveService(db, id))) throw new Refusal("TOKEN_INVALID", { message: "not the API key of a service" });
    return;
  }
  await holdUser(tx, id);
  await holdSession(tx, sessionId);
  const user = await findUser(db, "id", id);
  const session = await findSession(db, sessionId);
  if (user?.state !== "active" || session?.ended_at !== null) throw new Refusal("SESSION_REVOKED");
  const isSame = user.roles.length === roles.length && user.roles.every((role) => roles.includes(role));
  if (!isSame) throw new Refusal("PRIVILEGES_CHANGED");
}
