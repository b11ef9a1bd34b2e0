/** For browsers: what a page of another origin may send, and may read of the answer. Other callers need none of it. */
import type { RequestListener } from "node:http";
import { cors } from "@connectrpc/connect";

/** The listener, open to pages of `origin`. */
export function allowingPagesOf(origin: string, listener: RequestListener): RequestListener {
  return (request, response) => {
    if (request.headers.origin !== origin) return listener(request, response);
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-expose-headers", cors.exposedHeaders.join());
    response.setHeader("vary", "origin");
    if (request.method !== "OPTIONS") return listener(request, response);
    response.setHeader("access-control-allow-methods", cors.allowedMethods.join());
    response.setHeader("access-control-allow-headers", ["authorization", ...cors.allowedHeaders].join());
    response.writeHead(204).end();
  };
}
