/**
 * Service credentials: an API key for a backend that calls on its own behalf, with
 * permissions of its own. The key is told once and kept as a hash; a credential
 * that is revoked is over everywhere at once, by way of the log, and for good.
 */
import type { Audit } from "../audit/audit.ts";
import { API_KEY_PREFIX } from "../check/service-table.ts";
import { Refusal } from "../errors.ts";
import { encodeBase64Url } from "../lib/base64url.ts";
import type { Patience } from "../lib/patience.ts";
import type { Random } from "../lib/random.ts";
import { sha256 } from "../lib/sha256.ts";
import type { Commit } from "../revocations/commit.ts";
import { announceService } from "../revocations/entries.ts";
import { type Actor, onBehalfOf, refuseEscalation } from "../roles/actor.ts";
import { lockDefinitions } from "../store/queries/locks.ts";
import { findLiveService, insertService, revokeService, type ServiceRow } from "../store/queries/services.ts";
import type { Tx } from "../store/store.ts";

/** Makes and revokes service credentials. */
export type Services = {
  /**
   * Makes a credential of what the actor holds itself. `apiKey` is not kept and cannot be told again.
   * @throws Refusal SERVICE_NAME_TAKEN, PRIVILEGE_ESCALATION.
   */
  readonly create: (
    name: string,
    permissions: readonly string[],
    actor: Actor,
    patience?: Patience,
  ) => Promise<{ readonly revision: number; readonly service: ServiceRow; readonly apiKey: string }>;
  /** Ends a credential. @throws Refusal SERVICE_NOT_FOUND. */
  readonly revoke: (name: string, actor: Actor, patience?: Patience) => Promise<{ readonly revision: number }>;
};

/** {@link Services} in the database. */
export function createServices(deps: {
  readonly commit: Commit;
  readonly audit: Audit;
  readonly random: Random;
}): Services {
  const { commit, audit, random } = deps;

  async function insert(tx: Tx, service: ServiceRow, permissions: readonly string[], actor: Actor) {
    await lockDefinitions(tx);
    if ((await findLiveService(tx.db, service.name)) !== null) throw new Refusal("SERVICE_NAME_TAKEN");
    const made = { ...service, created_at: tx.now };
    await insertService(tx.db, made);
    const revision = await announceService(tx, service.id);
    const details = { service: service.id, name: service.name, permissions };
    await audit.record(tx, { kind: "service_created", actor: actor?.id ?? null, details });
    return { revision, service: made };
  }

  async function end(tx: Tx, name: string, actor: Actor) {
    await lockDefinitions(tx);
    const service = await findLiveService(tx.db, name);
    if (service === null) throw new Refusal("SERVICE_NOT_FOUND");
    await revokeService(tx, service.id);
    const revision = await announceService(tx, service.id);
    const details = { service: service.id, name };
    await audit.record(tx, { kind: "service_revoked", actor: actor?.id ?? null, details });
    return { revision };
  }

  return {
    async create(name, permissions, actor, patience) {
      refuseEscalation(actor, permissions);
      const apiKey = `${API_KEY_PREFIX}${encodeBase64Url(random.bytes(32))}`;
      const service: ServiceRow = {
        id: random.id("svc"),
        name,
        key_hash: sha256(apiKey),
        permissions: JSON.stringify(permissions),
        created_at: 0,
        last_used_at: null,
        revoked_at: null,
      };
      const made = await commit(
        onBehalfOf(actor, (tx) => insert(tx, service, permissions, actor)),
        patience,
      );
      return { ...made, apiKey };
    },
    revoke: (name, actor, patience) =>
      commit(
        onBehalfOf(actor, (tx) => end(tx, name, actor)),
        patience,
      ),
  };
}
