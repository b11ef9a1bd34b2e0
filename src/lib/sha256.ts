import { createHash } from "node:crypto";

/** SHA-256 (FIPS 180-4) of bytes or of a text in UTF-8, as base64url. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("base64url");
}
