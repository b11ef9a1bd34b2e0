/** Bare verifications of signatures, one after the other: what a token that was never seen costs at least. */
import { createPublicKey, verify, type webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { toDer } from "../../src/check/ecdsa-signature.ts";
import { serveWindows } from "./loop.ts";

/** In the file that the first argument names. */
export type VerifyMaterial = { readonly jwk: webcrypto.JsonWebKey; readonly tokens: readonly string[] };

const { jwk, tokens }: VerifyMaterial = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
const signed = tokens.map((token) => {
  const end = token.lastIndexOf(".");
  const signature = toDer(Buffer.from(token.slice(end + 1), "base64url"));
  if (signature === null) throw new Error("a token has no signature by ES256");
  return { data: Buffer.from(token.slice(0, end)), signature };
});

serveWindows(async (note) => {
  for (let isWanted = true; isWanted; ) {
    for (const { data, signature } of signed) {
      const beganAt = performance.now();
      if (!verify("sha256", data, key, signature)) throw new Error("a signature does not hold");
      isWanted = note(performance.now() - beganAt);
      if (!isWanted) return;
    }
  }
});
