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
  /** Memory of an HTTP/2 client's header names and values, in bytes, from which it may abbreviate the next ones. */
  headerTableBytes: 4096,
  /**
   * HTTP/2 streams that are begun in one turn of the event loop; more wait for the next one, where sessions take turns.
   * Others get theirs in between, and nothing is done for what the same packet takes back. Those that wait cost more
   * (docs/decisions/0028).
   */
  streamsPerTurn: 128,
  /**
   * New connections whose first bytes are parsed in one turn of the event loop; more wait for a later one, where
   * addresses take turns, and as much time passes before it for whoever is there already. To parse 64 KB of what is made
   * to be slow takes 10 ms.
   */
  connectionsPerTurn: 8,
  /** Connections that wait to begin an HTTP/2 session, each with some 64 KB unread; more are closed. */
  waitingSessions: 256,
  /**
   * Streams that an HTTP/2 client may reset in one go: all that it may have open, as a browser does when its page is left
   * (CVE-2023-44487).
   */
  streamResetBurst: 250,
  /** Streams that it may go on to reset each second. Who resets more loses the session. */
  streamResetsPerSecond: 33,
  /** Streams that an HTTP/2 client may open beyond the bound, over the life of its session. */
  rejectedStreams: 100,
  /** Frames out of place that an HTTP/2 client may send, over the life of its session. */
  invalidFrames: 100,
  /** Entries of one SETTINGS frame; more are taken for a fault. */
  settingsEntries: 32,
  /** PINGs of ours that may be without an answer. */
  outstandingPings: 10,
  /**
   * Requests that an HTTP/1 client may send ahead of their answers. Node begins each as it comes, a thousand out of
   * one packet; clients of today send none ahead.
   */
  requestsAhead: 32,
  /**
   * Requests of this process that are not answered to their end; more are refused as they come, and may be retried. Each
   * may hold some 40 KB, and what connections and streams may open between them would be more than any memory.
   */
  openRequests: 4096,
  /** Connections of this process; more are closed as they come. */
  connections: 10_000,
  /** What is still read of a refused HTTP/1 request, in bytes, so that its sender gets to read the answer. */
  discardedBytes: 1024 * 1024,
  /** Open `Health.Watch` streams; more get RESOURCE_EXHAUSTED. */
  healthWatchers: 100,
  /** Open `VerifierService.Watch` streams; more get RESOURCE_EXHAUSTED. */
  feedWatchers: 10_000,
  /** The same of one service, so that no credential takes all. */
  feedWatchersOfService: 2_500,
} as const;

/**
 * How an address begins HTTP/2 sessions after some were cut off. To read what gets a session cut off takes some 10 ms: five
 * sessions a second leave nearly all of the time to others, and a client whose one session broke on some mishap never waits.
 */
export const READMISSION = { mishaps: 3, rememberedMs: 10_000, gapMs: 200, mostMs: 3_000 } as const;

/** Times for one connection, in milliseconds. */
export type Timeouts = {
  /** From the connection to the bytes that tell HTTP/1 from HTTP/2, or to the end of the TLS handshake. */
  readonly prefaceMs: number;
  /** From the first byte of an HTTP/1 request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of a request to the end of its body, unless something was answered before that. */
  readonly requestMs: number;
  /** How long a connection may stay open with nothing asked. */
  readonly idleMs: number;
  /** An answer that its client has not taken is dropped after this long, or twice that at most. */
  readonly takeMs: number;
  /** How often `headersMs` and `requestMs` are looked at. */
  readonly checkMs: number;
  /** How long the rest of a refused request is waited for. */
  readonly lingerMs: number;
  /** How often health is looked at on behalf of those who watch it. */
  readonly healthMs: number;
  /** How often the certificate's files are looked at. */
  readonly certificateMs: number;
  /** From the notice that an HTTP/2 session ends to its end, half of `lingerMs` at most: what is on its way is here by then. */
  readonly noticeMs: number;
  /** How long work in flight may take once the server stops. */
  readonly shutdownMs: number;
};

/** The times that hold unless a test hands in shorter ones. */
export const TIMEOUTS: Timeouts = {
  prefaceMs: 10_000,
  headersMs: 10_000,
  requestMs: LIMITS.unaryDeadlineMs,
  idleMs: 120_000,
  takeMs: LIMITS.unaryDeadlineMs,
  checkMs: 1_000,
  lingerMs: 1_000,
  healthMs: 250,
  certificateMs: 2_000,
  noticeMs: 250,
  shutdownMs: LIMITS.shutdownMs,
};
