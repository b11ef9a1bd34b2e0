import { decodeBase64Url } from "../lib/base64url.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The JSON object in a segment of a compact JWS, or `null`.
 *
 * Takes only the one form that `JSON.stringify` gives: so no member stands twice
 * (RFC 7515 section 4), no number hides its value in an exponent or a fraction,
 * and there is no white space to vary.
 */
export function parseSegment(segment: string): Readonly<Record<string, unknown>> | null {
  const bytes = decodeBase64Url(segment);
  if (bytes === null) return null;
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    return isObject(value) && JSON.stringify(value) === text ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
