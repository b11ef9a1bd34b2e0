/** The keys that Sallyport signs with, as the feed tells them. */
import { createPublicKey } from "node:crypto";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type {
  VerificationKey as KeyMessage,
  VerificationKeys as KeysMessage,
} from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { fitting, isAlgorithm } from "../check/signature.ts";
import type { VerificationKey, VerificationKeys } from "../check/verification-keys.ts";

/** Keys in memory. */
export type KeyTable = VerificationKeys & {
  /** Takes the place of all. A key that stays is the same object. @throws Error if one of them cannot be used. */
  readonly replace: (message: KeysMessage) => void;
  readonly list: () => readonly VerificationKey[];
  /** The longest life that a token may claim, in milliseconds. */
  readonly maxTtlMs: () => number;
};

type Known = { readonly key: VerificationKey; readonly spki: string };

/** An empty {@link KeyTable}. */
export function createKeyTable(): KeyTable {
  let known: ReadonlyMap<string, Known> = new Map();
  let maxTtlMs = 0;

  function knownOrRead(message: KeyMessage): Known {
    const spki = Buffer.from(message.spki).toString("base64");
    const before = known.get(message.id);
    return before?.spki === spki && before.key.algorithm === message.algorithm
      ? before
      : { key: readKey(message), spki };
  }

  return {
    get: (kid) => known.get(kid)?.key,
    list: () => [...known.values()].map(({ key }) => key),
    maxTtlMs: () => maxTtlMs,
    replace({ keys, maxTokenLife }) {
      known = new Map(keys.map((message) => [message.id, knownOrRead(message)]));
      maxTtlMs = maxTokenLife === undefined ? 0 : durationMs(maxTokenLife);
    },
  };
}

function readKey({ id, algorithm, spki }: KeyMessage): VerificationKey {
  if (!isAlgorithm(algorithm) || algorithm === "HS256") throw new Error(`the key ${id} is for an unknown algorithm`);
  const publicKey = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  return { kid: id, algorithm, publicKey: fitting(publicKey, algorithm) };
}
