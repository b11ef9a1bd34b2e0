/**
 * Tells HTTP/2 from HTTP/1 by the first bytes of a connection, so that one
 * cleartext port can answer both.
 */
import type { Socket } from "node:net";
import { BOUNDS } from "./bounds.ts";
import { createTurnstile } from "./turnstile.ts";

/** What an HTTP/2 client with prior knowledge sends first (RFC 9113 section 3.4). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

type SniffDeps = {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
  /** A connection that has not shown what it speaks after this long is closed, in milliseconds. */
  readonly prefaceMs: number;
};

/** A connection that has shown what it speaks. */
type Decided = { readonly socket: Socket; readonly isHttp2: boolean; readonly begun: () => void };

/**
 * Returns a listener for new connections that hands each to the server that
 * speaks its protocol. Bytes are collected until they decide, then put back
 * once; whatever is not the start of the preface is HTTP/1's to judge.
 */
export function createSniffer({ http1, http2, prefaceMs }: SniffDeps): (socket: Socket) => void {
  // To read is cheap, and to make out what was read is not: that is what connections take turns for.
  const turnstile = createTurnstile<Decided>({
    perTurn: BOUNDS.connectionsPerTurn,
    laneOf: ({ socket }) => socket.remoteAddress,
    restingBy: () => performance.now(),
    next: "newest",
    begin: hand,
    isOver: ({ socket }) => socket.destroyed,
  });

  function hand({ socket, isHttp2, begun }: Decided): void {
    begun();
    if (isHttp2) {
      http2(socket);
    } else {
      http1(socket);
      socket.resume();
    }
  }

  return function sniff(socket) {
    let seen: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), prefaceMs);

    function onData(chunk: Buffer): void {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const compared = Math.min(seen.length, PREFACE.length);
      const matches = PREFACE.compare(seen, 0, compared, 0, compared) === 0;
      if (matches && seen.length < PREFACE.length) return;
      socket.off("data", onData).off("end", onEnd);
      socket.pause();
      socket.unshift(seen);
      // Who waits for a turn does so within the same time.
      turnstile({ socket, isHttp2: matches, begun: release });
    }

    function onEnd(): void {
      socket.destroy();
    }

    function release(): void {
      clearTimeout(timer);
      socket.off("data", onData).off("end", onEnd).off("close", release);
    }

    socket.on("data", onData).on("end", onEnd).on("close", release);
  };
}
