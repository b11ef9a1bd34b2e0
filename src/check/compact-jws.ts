/**
 * Tokens on the wire: a JWS in compact form (RFC 7515 section 7.1), in the one
 * spelling that we issue. Nothing in the header is followed; it names a type and a
 * key, and the key fixes the algorithm (RFC 8725 section 3.1).
 */
import { type CompactVerifyGetKey, compactVerify } from "jose";
import { decodeBase64Url } from "../lib/base64url.ts";
import { parseSegment } from "./strict-json.ts";

const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** A key as jose takes it. */
type Key = Exclude<Parameters<typeof compactVerify>[1], CompactVerifyGetKey>;

/** Which key signed it, as the header of a token of this type says; `null` for anything that is no such token. */
export function readHeader(token: string, type: string): { readonly alg: unknown; readonly kid: string } | null {
  if (!COMPACT_JWS.test(token)) return null;
  const [headerSegment = "", , signatureSegment = ""] = token.split(".");
  const header = parseSegment(headerSegment);
  if (header === null || Object.keys(header).length !== 3 || decodeBase64Url(signatureSegment) === null) return null;
  const { alg, typ, kid } = header;
  return typ === type && typeof kid === "string" ? { alg, kid } : null;
}

/** The claims of a token that this key signed; `null` if it did not. jose decides what a valid signature is. */
export async function verifiedClaims(
  token: string,
  key: Key,
  algorithm: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
  } catch {
    return null;
  }
  return parseSegment(token.split(".")[1] ?? "");
}
