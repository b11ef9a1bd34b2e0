/**
 * Tokens on the wire: a JWS in compact form (RFC 7515 section 7.1), in the one
 * spelling that we issue. Nothing in the header is followed; it names a type and a
 * key, and the key fixes the algorithm (RFC 8725 section 3.1).
 */
import type { KeyObject } from "node:crypto";
import { decodeBase64Url, encodeBase64Url } from "../lib/base64url.ts";
import { type Algorithm, isSignedBy, signatureOf } from "./signature.ts";
import { parseSegment } from "./strict-json.ts";

/** A key, and what it is used for. */
type TokenKey = { readonly kid: string; readonly algorithm: Algorithm; readonly key: KeyObject };

/** Which key signed it, as the header of a token of this type says; `null` for anything that is no such token. */
export function readHeader(token: string, type: string): { readonly alg: unknown; readonly kid: string } | null {
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  // Three parts. That each is base64url and nothing else is seen to by whoever decodes it.
  if (first < 0 || second < 0 || token.indexOf(".", second + 1) >= 0) return null;
  const header = parseHeader(token.slice(0, first));
  if (header === null || Object.keys(header).length !== 3) return null;
  const { alg, typ, kid } = header;
  return typ === type && typeof kid === "string" ? { alg, kid } : null;
}

let lastHeader: { readonly segment: string; readonly header: ReturnType<typeof parseSegment> } = {
  segment: "",
  header: null,
};

/** Nearly all tokens begin as the last one did: with the type and the key of this time. */
function parseHeader(segment: string): ReturnType<typeof parseSegment> {
  if (segment !== lastHeader.segment) lastHeader = { segment, header: parseSegment(segment) };
  return lastHeader.header;
}

/** The claims of a token that this key signed; `null` if it did not. */
export function verifiedClaims(
  token: string,
  key: KeyObject,
  algorithm: Algorithm,
): Readonly<Record<string, unknown>> | null {
  const end = token.lastIndexOf(".");
  const signature = decodeBase64Url(token.slice(end + 1));
  if (signature === null || !isSignedBy(key, algorithm, Buffer.from(token.slice(0, end), "latin1"), signature))
    return null;
  return parseSegment(token.slice(token.indexOf(".") + 1, end));
}

/** The claims as a token of this type, signed; in the one spelling that {@link readHeader} takes. */
export async function signClaims(claims: object, type: string, { kid, algorithm, key }: TokenKey): Promise<string> {
  const input = `${segmentOf({ alg: algorithm, typ: type, kid })}.${segmentOf(claims)}`;
  return `${input}.${encodeBase64Url(await signatureOf(key, algorithm, Buffer.from(input, "latin1")))}`;
}

function segmentOf(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
