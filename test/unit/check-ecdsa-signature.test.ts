/** The two forms of an ECDSA signature, held against what Node makes of them. */
import { generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromDer, toDer } from "../../src/check/ecdsa-signature.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const DATA = Buffer.from("what is signed");

/** A number of 32 bytes, with zeros in front as often as not. */
const number = fc
  .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(32))
  .map(([bytes, zeros]) => bytes.fill(0, 0, zeros % 33));

describe("A signature", () => {
  it("goes into DER and back as it was, in as few bytes as that takes", () => {
    fc.assert(
      fc.property(number, number, (r, s) => {
        const signature = Buffer.concat([r, s]);
        const der = Buffer.from(toDer(signature) ?? []);
        expect(Buffer.from(fromDer(der)).equals(signature)).toBe(true);
        expect([der[0], der[1]]).toEqual([0x30, der.length - 2]);
        const [first, second] = [der.subarray(4, 4 + (der[3] ?? 0)), der.subarray(6 + (der[3] ?? 0))];
        for (const digits of [first, second]) {
          expect(digits[0]).toBeLessThan(0x80);
          if (digits.length > 1 && digits[0] === 0) expect(digits[1]).toBeGreaterThanOrEqual(0x80);
        }
      }),
    );
  });

  it("of any other length than 64 bytes is none", () => {
    for (const length of [0, 1, 63, 65, 70, 128]) expect(toDer(Buffer.alloc(length, 1))).toBeNull();
  });

  it("is the one that Node would make of it", () => {
    for (let count = 0; count < 300; count += 1) {
      const der = sign("sha256", DATA, privateKey);
      const raw = fromDer(der);
      expect(verify("sha256", DATA, { key: publicKey, dsaEncoding: "ieee-p1363" }, raw)).toBe(true);
      expect(Buffer.from(toDer(raw) ?? []).equals(der)).toBe(true);
    }
  });
});
