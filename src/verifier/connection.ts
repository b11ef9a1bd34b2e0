/** One connection to Sallyport over HTTP/2: made when it is needed, made anew when it is gone, and dropped at a word. */
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from "node:http2";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";
import { timeoutAfterReads } from "../lib/timeout-after-reads.ts";

/**
 * What the server may send ahead of what was read, in bytes: a snapshot may have tens of megabytes, of
 * which the 64 KB of RFC 9113 section 6.9.2 would let through as much in a round trip.
 */
const WINDOW_BYTES = 1024 * 1024;

/** A connection, as the transports of Connect take it. */
export type Connection = NonNullable<GrpcTransportOptions["sessionManager"]> & {
  /** Ends the connection and whatever goes on over it, now. */
  readonly drop: () => void;
  /** Drops the connection unless it shows that it is alive: a call over it had no answer in time. */
  readonly doubt: () => void;
};

/** A {@link Connection} that is not made yet; to doubt takes `pingMs`. */
export function createConnection(baseUrl: string, options: SecureClientSessionOptions, pingMs: number): Connection {
  const authority = new URL(baseUrl).origin;
  let session: ClientHttp2Session | null = null;
  let doubted: ClientHttp2Session | null = null;

  function open(): ClientHttp2Session {
    if (session !== null && !session.closed && !session.destroyed) return session;
    const opened = connect(authority, { ...options, settings: { enablePush: false, initialWindowSize: WINDOW_BYTES } });
    // Node says that a session is connected even if it was destroyed just before.
    opened.once("connect", () => opened.destroyed || opened.setLocalWindowSize(WINDOW_BYTES));
    // Whoever calls hears of it by the streams; without a listener it would end the process.
    opened.on("error", () => {});
    opened.on("goaway", () => opened.close());
    session = opened;
    return opened;
  }

  return {
    authority,
    async request(method, path, headers, requestOptions) {
      return open().request({ ...headers, ":method": method, ":path": path }, requestOptions);
    },
    notifyResponseByteRead() {},
    doubt() {
      const asked = session;
      if (asked === null || asked === doubted || asked.destroyed) return;
      doubted = asked;
      const stopWaiting = timeoutAfterReads(() => asked.destroy(), pingMs);
      const stop = () => {
        stopWaiting();
        doubted = null;
      };
      asked.once("close", stop);
      // One that has not come about yet is not alive either.
      if (asked.connecting) return;
      asked.ping((error) => {
        asked.off("close", stop);
        stop();
        if (error !== null) asked.destroy();
      });
    },
    drop() {
      session?.destroy();
      session = null;
    },
  };
}
