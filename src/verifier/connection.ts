/** One connection to Sallyport over HTTP/2: made when it is needed, made anew when it is gone, and dropped at a word. */
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from "node:http2";
import type { GrpcTransportOptions } from "@connectrpc/connect-node";

/** A connection, as the transports of Connect take it. */
export type Connection = NonNullable<GrpcTransportOptions["sessionManager"]> & {
  /** Ends the connection and whatever goes on over it, now. */
  readonly drop: () => void;
};

/** A {@link Connection} that is not made yet. */
export function createConnection(baseUrl: string, options: SecureClientSessionOptions): Connection {
  const authority = new URL(baseUrl).origin;
  let session: ClientHttp2Session | null = null;

  function open(): ClientHttp2Session {
    if (session !== null && !session.closed && !session.destroyed) return session;
    const opened = connect(authority, options);
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
    drop() {
      session?.destroy();
      session = null;
    },
  };
}
