/**
 * Forward authentication: for each request of a client a proxy asks whether to let it
 * through, as nginx's `auth_request`, Caddy's `forward_auth` and Traefik's ForwardAuth do.
 *
 * Owns what is asked and what is answered, on no particular protocol. Decides nothing
 * itself: the check is the one that answers `Authorize`. Who is asked for stands in the
 * query, which is the proxy's own configuration; of what the proxy passes on from its
 * client the token in `authorization` counts, and nothing else; its URI can only keep it out. Whatever cannot be
 * answered is refused with a status that every proxy takes for a refusal.
 */
import { bearerToken } from "../access/bearer.ts";
import type { Checker } from "../check/checker.ts";
import { Refusal } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../log.ts";
import { denied, type ForwardAnswer, granted, malformed, stale, unanswerable } from "./answers.ts";
import type { ServiceCredential } from "./asking-service.ts";
import { isOfClient } from "./client-query.ts";
import { type Audiences, readQuestion } from "./question.ts";

/** What a proxy asks. */
export type Asked = ServiceCredential & {
  /** Without its question mark, as the proxy's configuration has it. */
  readonly query: string;
  /** What the proxy says that its client asked for, as `/page?lang=de`; empty if it does not say. */
  readonly clientUris: readonly string[];
  /** Every `authorization` header that the proxy passed on. */
  readonly authorization: readonly string[];
};

/** Answers a proxy. Never throws for what it is asked. */
export type ForwardAuth = (asked: Asked) => ForwardAnswer;

type ForwardAuthDeps = Audiences & {
  readonly check: Checker["check"];
  /** Whether a service asks, where none but services may; `null` where anyone may. */
  readonly isService: ((credential: ServiceCredential) => boolean) | null;
  /** When the knowledge was last confirmed to be the newest, in milliseconds. */
  readonly asOf: () => number;
  /** How old that may be, in milliseconds. */
  readonly stalenessBoundMs: number;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
};

const OF_CLIENT = "this query is the client's own: state one in the proxy's configuration";

/** Anybody may ask in a wrong way, but nobody is to fill the log with it. */
const WARNING_GAP_MS = 60_000;

/** A {@link ForwardAuth}. */
export function createForwardAuth(deps: ForwardAuthDeps): ForwardAuth {
  const { check, isService, asOf, stalenessBoundMs, clock, log } = deps;
  let warnedAt = Number.NEGATIVE_INFINITY;

  /** The proxy's configuration is wrong: its operator has to learn of it, its clients can do nothing. */
  function refuseProxy(reason: "REQUEST_INVALID" | "SERVICE_REQUIRED", fault: string): ForwardAnswer {
    const now = clock.now();
    if (Math.abs(now - warnedAt) >= WARNING_GAP_MS) {
      warnedAt = now;
      // Without the fault: it tells of the query, which may hold anything.
      log.warn({ event: "forward_auth_misconfigured", reason }, "a proxy asks wrongly; what it is answered says why");
    }
    return unanswerable(reason, fault);
  }

  return function forwardAuth(asked) {
    if (isService !== null && !isService(asked)) {
      return refuseProxy("SERVICE_REQUIRED", "the proxy must send the API key of a service in x-sallyport-api-key");
    }
    const { question, fault } = readQuestion(asked.query, deps);
    if (question === null) return refuseProxy("REQUEST_INVALID", fault);
    if (isOfClient(asked.query, asked.clientUris)) return refuseProxy("REQUEST_INVALID", OF_CLIENT);
    // Before the token: who is refused by old knowledge must not be sent to log in.
    if (clock.now() - asOf() >= stalenessBoundMs) return stale();
    try {
      const decision = check({ token: bearerToken(asked.authorization), ...question });
      return decision.granted ? granted(decision.principal) : denied(decision, question.rule);
    } catch (error) {
      if (error instanceof Refusal) return malformed(error);
      throw error;
    }
  };
}
