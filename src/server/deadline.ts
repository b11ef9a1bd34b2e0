/**
 * Unary deadlines: whatever a client asks for, it gets no more than the
 * contract's bound, and never a refusal for having asked for more.
 */
import type { IncomingHttpHeaders } from "node:http";
import { LIMITS } from "../config.ts";
import type { Protocol } from "./protocol.ts";

/** Milliseconds in each unit of `grpc-timeout` (gRPC over HTTP/2, "Requests"). */
const UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/**
 * Shortens the deadline in the headers of a unary request to the bound, and
 * states one where there is none. A malformed one stays as it is, for the
 * protocol to refuse.
 * @returns how long the call may take, in milliseconds; the bound if that is malformed.
 */
export function shortenDeadline(headers: IncomingHttpHeaders, protocol: Protocol): number {
  const deadlineMs = deadlineOf(headers, protocol);
  if (deadlineMs === LIMITS.unaryDeadlineMs) {
    headers[nameOf(protocol)] = protocol === "connect" ? String(deadlineMs) : `${deadlineMs}m`;
  }
  return deadlineMs ?? LIMITS.unaryDeadlineMs;
}

/**
 * How long a unary request may take, in milliseconds: what its headers ask for, up
 * to the bound. `null` if they are malformed.
 */
export function deadlineOf(headers: IncomingHttpHeaders, protocol: Protocol): number | null {
  const value = headers[nameOf(protocol)];
  if (value === undefined) return LIMITS.unaryDeadlineMs;
  const asked = Array.isArray(value) ? null : parse(value, protocol);
  return asked === null ? null : Math.min(asked, LIMITS.unaryDeadlineMs);
}

function nameOf(protocol: Protocol): string {
  return protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
}

function parse(value: string, protocol: Protocol): number | null {
  if (protocol === "connect") return /^\d{1,10}$/.test(value) ? Number(value) : null;
  const unit = UNITS[value.slice(-1)];
  const amount = value.slice(0, -1);
  return unit !== undefined && /^\d{1,8}$/.test(amount) ? Number(amount) * unit : null;
}
