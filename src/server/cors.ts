/**
 * Cross-origin calls from browsers (Fetch Standard, "CORS protocol"): allowed
 * from the origins that the operator lists, and from no other. No credentials
 * mode is offered: tokens travel in `authorization`, never in cookies.
 */
import type { IncomingHttpHeaders } from "node:http";
import { cors as library } from "@connectrpc/connect";

/** What is looked at of a request. */
type CorsRequest = { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders };
/** What is set of an answer. */
type HeaderSink = { setHeader(name: string, value: string): unknown };

const ALLOWED_METHODS = library.allowedMethods.join(", ");
const ALLOWED_HEADERS = [...library.allowedHeaders, "Authorization"].join(", ");
const EXPOSED_HEADERS = [...library.exposedHeaders, "Retry-After", "X-Request-Id"].join(", ");
/** How long a browser may keep the answer to a preflight, in seconds: two hours, the most that Chromium honours. */
const MAX_AGE_SECONDS = "7200";

/**
 * Returns a function that sets the CORS headers of an answer, and says whether
 * the request was a preflight from a listed origin, which wants nothing more
 * than 204.
 */
export function createCors(allowedOrigins: readonly string[]) {
  const allowed = new Set(allowedOrigins);
  return function setCorsHeaders(request: CorsRequest, response: HeaderSink): boolean {
    if (allowed.size === 0) return false;
    // On every answer, also on those without CORS headers: a cache must not hand one origin's to another.
    response.setHeader("vary", "Origin");
    const origin = request.headers.origin;
    if (origin === undefined || !allowed.has(origin)) return false;
    response.setHeader("access-control-allow-origin", origin);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) {
      response.setHeader("access-control-expose-headers", EXPOSED_HEADERS);
      return false;
    }
    response.setHeader("access-control-allow-methods", ALLOWED_METHODS);
    response.setHeader("access-control-allow-headers", ALLOWED_HEADERS);
    response.setHeader("access-control-max-age", MAX_AGE_SECONDS);
    return true;
  };
}
