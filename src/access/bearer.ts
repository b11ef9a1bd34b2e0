/** The credential in the headers of a request, wherever a call is guarded. */
import { MAX_TOKEN_LENGTH } from "../check/access-token.ts";
import { invalidField, Refusal } from "../errors.ts";

/** A token as RFC 6750 section 2.1 allows it; the scheme in any case (RFC 9110 section 11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The token in the `authorization` headers of a request; empty if there is none.
 * @throws Refusal AUTHORIZATION_MALFORMED for more than one header or another scheme;
 * REQUEST_INVALID for a token that is too long to be looked at.
 */
export function bearerToken(headers: readonly string[]): string {
  const [header, ...more] = headers;
  if (header === undefined) return "";
  const token = BEARER.exec(header)?.[1];
  if (more.length > 0 || token === undefined) throw new Refusal("AUTHORIZATION_MALFORMED");
  if (token.length > MAX_TOKEN_LENGTH)
    throw invalidField("authorization", `must hold at most ${MAX_TOKEN_LENGTH} bytes`);
  return token;
}

/** Every `authorization` header: Node's `headers` keeps only the first, on HTTP/1 and HTTP/2 alike. */
export function authorizationHeaders(rawHeaders: readonly string[]): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    const value = rawHeaders[index + 1];
    if (name?.length === 13 && name.toLowerCase() === "authorization" && value !== undefined) values.push(value);
  }
  return values;
}
