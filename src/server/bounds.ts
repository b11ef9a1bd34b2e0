/**
 * What a connection may take: memory, streams and time. Stated here, one by
 * one, because the libraries' defaults are made for files and pages, not for
 * requests of a few kilobytes. What is part of the contract is in `LIMITS`.
 */
import { LIMITS } from "../config.ts";

/** Sizes and counts for one connection. */
export const BOUNDS = {
  /** All headers of a request, in bytes: an 8 KiB token, as much again for cookies and proxies, and room. */
  headerBytes: 32 * 1024,
  /** Header fields of an HTTP/2 request. HTTP/1 has no count of its own: fields above it would be dropped unseen. */
  headerFields: 128,
  /** Streams that an HTTP/2 client may have open at once. */
  concurrentStreams: 250,
  /** What an HTTP/2 session may hold in memory, in megabytes, as Node counts it. */
  sessionMegabytes: 10,
  /** Connections of this process; more are closed as they come. */
  connections: 10_000,
  /** What is still read of a refused HTTP/1 request, in bytes, so that its sender gets to read the answer. */
  discardedBytes: 1024 * 1024,
  /** Open `Health.Watch` streams; more get RESOURCE_EXHAUSTED. */
  healthWatchers: 100,
} as const;

/** Times for one connection, in milliseconds. */
export type Timeouts = {
  /** From the connection to the bytes that tell HTTP/1 from HTTP/2, or to the end of the TLS handshake. */
  readonly prefaceMs: number;
  /** From the first byte of an HTTP/1 request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of an HTTP/1 request to the end of its body. */
  readonly requestMs: number;
  /** How long a connection may stay open with nothing asked. */
  readonly idleMs: number;
  /** How often `headersMs` and `requestMs` are looked at. */
  readonly checkMs: number;
  /** How long the rest of a refused request is waited for. */
  readonly lingerMs: number;
  /** How often health is looked at on behalf of those who watch it. */
  readonly healthMs: number;
  /** How often the certificate's files are looked at. */
  readonly certificateMs: number;
  /** How long work in flight may take once the server stops. */
  readonly shutdownMs: number;
};

/** The times that hold unless a test hands in shorter ones. */
export const TIMEOUTS: Timeouts = {
  prefaceMs: 10_000,
  headersMs: 10_000,
  requestMs: LIMITS.unaryDeadlineMs,
  idleMs: 120_000,
  checkMs: 1_000,
  lingerMs: 1_000,
  healthMs: 250,
  certificateMs: 2_000,
  shutdownMs: LIMITS.shutdownMs,
};
