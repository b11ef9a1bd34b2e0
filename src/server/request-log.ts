/**
 * One line for each request, when all of it is over. What is written is chosen
 * here, field by field: never a header, a body, a path as it was asked for or a
 * query, since any of those may hold a token.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../log.ts";
import type { Exchange } from "./exchange.ts";
import { statusOf } from "./rpc-status.ts";

/** Counts and times calls, for metrics. */
export type RequestMeter = {
  /** As a request comes; what it returns is handed to `end`. */
  readonly start: () => number;
  /** When a call is over: `package.Service/Method`, `null` for none that is served here, and its status code. */
  readonly end: (startedAt: number, rpc: string | null, code: string) => void;
};

type RequestLogDeps = { readonly log: Log; readonly clock: Clock; readonly meter: RequestMeter | null };

/** Codes that tell of a fault of ours. */
const FAULTS: ReadonlySet<string> = new Set(["INTERNAL", "UNKNOWN", "DATA_LOSS"]);
/** How far down a chain of causes is told. */
const MAX_CAUSES = 4;

/** Returns a function that writes the line of a request that is over. */
export function createRequestLog({ log, clock, meter }: RequestLogDeps): (exchange: Exchange) => void {
  return function logRequest(exchange) {
    const { call, isRpc, name, protocol, answered, startedAt } = exchange;
    const { id, peer, outcome } = call;
    const { reason, subject } = outcome;
    const duration_ms = Math.max(0, clock.now() - startedAt);
    const thrown = outcome.cause ?? null;
    const cause = thrown === null ? {} : { cause: describe(thrown) };
    if (isRpc) {
      const code = outcome.code ?? statusOf(answered);
      const line = { event: "request", id, rpc: name, protocol, code, reason, duration_ms, peer, subject };
      const level = levelOf(name, code);
      if (level === "info" && thrown === null) log.frequent(line);
      else log[level]({ ...line, ...cause });
      meter?.end(exchange.meteredAt, name, code);
    } else {
      const status = answered?.status ?? null;
      const level = outcome.code === null ? "debug" : "error";
      // Only what is asked on behalf of somebody has these.
      const verdict = { ...(reason !== null && { reason }), ...(subject !== null && { subject }) };
      log[level]({ event: "http", id, path: name, status, duration_ms, peer, ...verdict, ...cause });
    }
  };
}

function levelOf(rpc: string | null, code: string): "debug" | "info" | "error" {
  if (FAULTS.has(code)) return "error";
  return rpc?.startsWith("grpc.health.") ? "debug" : "info";
}

/** Type, message and stack of what was thrown, and of what caused it; nothing else that it carries. */
function describe(thrown: unknown, depth = 1): object {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: String(thrown) };
  const { name, message, stack, cause } = thrown;
  const because = cause === undefined || depth >= MAX_CAUSES ? {} : { cause: describe(cause, depth + 1) };
  return { type: name, message, stack, ...because };
}
