/** The plain HTTP route of forward authentication. */
import type { ForwardAuth } from "../forward-auth/forward-auth.ts";
import type { Route } from "./routes.ts";
import { answer, answerJson, type WireRequest } from "./wire.ts";

/** Where the proxy of an operator's own configuration proves that it is a service. */
const API_KEY = "x-sallyport-api-key";
/** Where proxies say what their client asked for: Caddy and Traefik by themselves, nginx as many configure it. */
const CLIENT_URIS = ["x-forwarded-uri", "x-original-uri", "x-original-url"];

/**
 * Takes any method and gives the same verdict, since proxies differ in what they send. No page is to ask: the 204 that
 * answers a preflight would let through what a proxy passes on with its client's method.
 */
export function createForwardAuthRoute(forwardAuth: ForwardAuth): Route {
  return {
    forPages: false,
    answer(request, response, { authorization, certificateService, outcome }) {
      const apiKey = request.headers[API_KEY];
      const { status, headers, body, reason, subject } = forwardAuth({
        query: queryOf(request),
        clientUris: CLIENT_URIS.flatMap((name) => request.headers[name] ?? []),
        authorization,
        apiKey: typeof apiKey === "string" ? apiKey : "",
        certificateService,
      });
      outcome.reason = reason;
      outcome.subject = subject;
      if (body === null) {
        answer(response, status, { ...headers, "cache-control": "no-store" });
        return;
      }
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      answerJson(request, response, status, body);
    },
  };
}

function queryOf({ url = "" }: WireRequest): string {
  const mark = url.indexOf("?");
  return mark === -1 ? "" : url.slice(mark + 1);
}
