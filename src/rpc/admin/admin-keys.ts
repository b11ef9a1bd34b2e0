import type { Patience } from "../../lib/patience.ts";
import type { Actor } from "../../roles/actor.ts";
import { listKeys } from "../../store/queries/keys.ts";
import type { Store } from "../../store/store.ts";
import type { Rotation } from "../../tokens/key-life.ts";
import type { ActorOf } from "../caller.ts";
import { type RevisionOf, toSigningKey } from "../messages.ts";
import type { AdminPart } from "./admin-part.ts";

/** What the RPCs about keys call. */
export type AdminKeysDeps = {
  readonly read: Store["read"];
  readonly rotateKeys: (force: boolean, actor: Actor, patience: Patience) => Promise<Rotation>;
  readonly withdrawKey: (kid: string, actor: Actor, patience: Patience) => Promise<{ readonly revision: number }>;
  readonly rewrapKeys: (actor: Actor, patience: Patience) => Promise<number>;
  readonly revisionOf: RevisionOf;
  readonly actorOf: ActorOf;
};

/** `AdminService`: keys. */
export function createAdminKeys(
  deps: AdminKeysDeps,
): AdminPart<"listSigningKeys" | "rotateSigningKeys" | "withdrawSigningKey" | "rewrapKeys"> {
  const { read, rotateKeys, withdrawKey, rewrapKeys, revisionOf, actorOf } = deps;
  return {
    async listSigningKeys(_request, context) {
      const keys = await read(listKeys, context);
      return { keys: keys.filter(({ use }) => use === "access").map(toSigningKey) };
    },
    async rotateSigningKeys({ force }, context) {
      const { active, next, retired, revision } = await rotateKeys(force, actorOf(context), context);
      return { activeKeyId: active, nextKeyId: next, retiredKeyId: retired, revision: revisionOf(revision) };
    },
    async withdrawSigningKey({ keyId }, context) {
      const { revision } = await withdrawKey(keyId, actorOf(context), context);
      return { revision: revisionOf(revision) };
    },
    async rewrapKeys(_request, context) {
      return { keyCount: await rewrapKeys(actorOf(context), context) };
    },
  };
}
