/** The keys that a verifier holds. */
import { generateKeyPairSync } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { VerificationKeysSchema } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";
import { createKeyTable } from "../../src/verifier/key-table.ts";

const spkiOf = ({ publicKey }: ReturnType<typeof generateKeyPairSync>) =>
  new Uint8Array(Buffer.from(publicKey.export({ type: "spki", format: "der" })));
const ec = (namedCurve: string) => spkiOf(generateKeyPairSync("ec", { namedCurve }));
const P256 = ec("P-256");

const told = (...keys: { id: string; algorithm: string; spki: Uint8Array<ArrayBuffer> }[]) =>
  create(VerificationKeysSchema, { keys, maxTokenLife: durationFromMs(600_000) });

describe("The keys of a verifier", () => {
  it("are all that were told last, each for its one algorithm", () => {
    const table = createKeyTable();
    const ed = spkiOf(generateKeyPairSync("ed25519"));
    const rsa = spkiOf(generateKeyPairSync("rsa", { modulusLength: 2048 }));
    table.replace(
      told(
        { id: "a", algorithm: "ES256", spki: P256 },
        { id: "b", algorithm: "EdDSA", spki: ed },
        { id: "c", algorithm: "RS256", spki: rsa },
      ),
    );
    expect(["a", "b", "c", "d"].map((kid) => table.get(kid)?.algorithm)).toEqual([
      "ES256",
      "EdDSA",
      "RS256",
      undefined,
    ]);
    expect(table.maxTtlMs()).toBe(600_000);
    table.replace(told({ id: "b", algorithm: "EdDSA", spki: ed }));
    expect(table.list().map(({ kid }) => kid)).toEqual(["b"]);
  });

  it("stay the same objects while they stay, and are others once anything about them is", () => {
    const table = createKeyTable();
    table.replace(told({ id: "a", algorithm: "ES256", spki: P256 }));
    const before = table.get("a");
    table.replace(told({ id: "a", algorithm: "ES256", spki: new Uint8Array(P256) }));
    expect(table.get("a")).toBe(before);
    table.replace(told({ id: "a", algorithm: "ES256", spki: ec("P-256") }));
    expect(table.get("a")).not.toBe(before);
    table.replace(told());
    table.replace(told({ id: "a", algorithm: "ES256", spki: P256 }));
    expect(table.get("a")).not.toBe(before);
  });

  it.each([
    ["an algorithm that is unknown", "none", P256],
    ["an algorithm in other letters", "es256", P256],
    ["an algorithm of secrets", "HS256", P256],
    ["a key on another curve", "ES256", ec("P-384")],
    ["a key of another kind", "EdDSA", P256],
    ["an RSA key that is too short", "RS256", spkiOf(generateKeyPairSync("rsa", { modulusLength: 1024 }))],
    ["bytes that are no key", "ES256", P256.slice(1)],
    ["a key that is cut short", "ES256", P256.slice(0, -1)],
    ["no bytes", "ES256", new Uint8Array()],
  ])("are none of those that come with %s", (_what, algorithm, spki) => {
    const table = createKeyTable();
    table.replace(told({ id: "a", algorithm: "ES256", spki: P256 }));
    const before = table.list();
    const replace = () =>
      table.replace(told({ id: "good", algorithm: "ES256", spki: P256 }, { id: "bad", algorithm, spki }));
    expect(replace).toThrow(Error);
    expect(table.list()).toEqual(before);
  });

  it("let no token pass if it is not told how long tokens live", () => {
    const table = createKeyTable();
    table.replace(create(VerificationKeysSchema, { keys: [{ id: "a", algorithm: "ES256", spki: P256 }] }));
    expect(table.maxTtlMs()).toBe(0);
  });
});
