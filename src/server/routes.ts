/** Plain HTTP: what this server is, whether it is well, and the keys that verify its tokens. */
import { createHash } from "node:crypto";
import type { ForwardAuth } from "../forward-auth/forward-auth.ts";
import type { Call } from "../rpc/call.ts";
import { createForwardAuthRoute } from "./forward-auth.ts";
import {
  answer,
  answerJson,
  answerMethodNotAllowed,
  type RequestHandler,
  type WireRequest,
  type WireResponse,
} from "./wire.ts";

type RoutesDeps = {
  readonly issuer: string;
  readonly version: string;
  /** Full names of the RPC services. */
  readonly serviceNames: readonly string[];
  /** The current key set (RFC 7517 section 5). */
  readonly jwks: () => object;
  readonly isServing: () => boolean;
  readonly metrics: MetricsPage | null;
  readonly forwardAuth: ForwardAuth | null;
};

/** What is served at a path of plain HTTP. */
export type Route = {
  readonly answer: (request: WireRequest, response: WireResponse, call: Call) => void;
  /** Whether pages may ask, from the origins that the operator lists. */
  readonly forPages: boolean;
};

/** What `/metrics` answers. */
export type MetricsPage = { readonly contentType: string; readonly read: () => Promise<string> };

const FORWARD_AUTH = "/forward-auth";

/** Paths of plain HTTP, each with what answers it. Each takes GET and HEAD, but for what proxies ask. */
export function createRoutes(deps: RoutesDeps): ReadonlyMap<string, Route> {
  const about = {
    name: "sallyport",
    description: "An authentication service: Connect, gRPC and gRPC-Web on this port.",
    version: deps.version,
    issuer: deps.issuer,
    services: deps.serviceNames,
    jwks: "/.well-known/jwks.json",
    health: { alive: "/healthz", ready: "/readyz", grpc: "grpc.health.v1.Health" },
    reflection: ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"],
    ...(deps.forwardAuth !== null && { forwardAuth: FORWARD_AUTH }),
  };
  const routes: Record<string, RequestHandler> = {
    "/": (request, response) => answerJson(request, response, 200, about),
    "/.well-known/jwks.json": createKeySetRoute(deps.jwks),
    "/healthz": (request, response) => answerJson(request, response, 200, { status: "alive" }),
    "/readyz": (request, response) =>
      deps.isServing()
        ? answerJson(request, response, 200, { status: "ready" })
        : answerJson(request, response, 503, { status: "not_ready" }),
  };
  if (deps.metrics !== null) routes["/metrics"] = createMetricsRoute(deps.metrics);
  const served = new Map(Object.entries(routes).map(([path, route]) => [path, forReading(route)]));
  if (deps.forwardAuth !== null) served.set(FORWARD_AUTH, createForwardAuthRoute(deps.forwardAuth));
  return served;
}

function forReading(route: RequestHandler): Route {
  return {
    forPages: true,
    answer(request, response) {
      if (request.method === "GET" || request.method === "HEAD") route(request, response);
      else answerMethodNotAllowed(request, response, "GET, HEAD");
    },
  };
}

function createMetricsRoute({ contentType, read }: MetricsPage): RequestHandler {
  return function serveMetrics(request, response) {
    read().then(
      (text) => {
        const headers = { "content-type": contentType, "cache-control": "no-store" };
        answer(response, 200, headers, request.method === "HEAD" ? undefined : text);
      },
      () => answerJson(request, response, 500, { code: "internal", message: "internal error" }),
    );
  };
}

/** Serves the key set with a strong ETag and five minutes of cache life (RFC 9110 section 8.8.3, RFC 9111). */
function createKeySetRoute(jwks: () => object): RequestHandler {
  let known = { text: "", etag: "" };
  return function serveKeySet(request, response) {
    const text = JSON.stringify(jwks());
    if (text !== known.text) known = { text, etag: `"${createHash("sha256").update(text).digest("base64url")}"` };
    const validators = { etag: known.etag, "cache-control": "public, max-age=300" };
    if (matches(request.headers["if-none-match"], known.etag)) return answer(response, 304, validators);
    const length = String(Buffer.byteLength(text));
    const headers = { ...validators, "content-type": "application/jwk-set+json", "content-length": length };
    answer(response, 200, headers, request.method === "HEAD" ? undefined : text);
  };
}

/** The weak comparison of `If-None-Match` (RFC 9110 section 13.1.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(",").some((item) => {
    const tag = item.trim();
    return tag === "*" || tag === etag || tag === `W/${etag}`;
  });
}
