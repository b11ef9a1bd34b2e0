/** Every open connection, whom it comes from, and what is being answered on it. */
import type { Http2Session } from "node:http2";
import { isIPv6, type Socket } from "node:net";
import { createLinkedList, type LinkedList } from "../lib/linked-list.ts";
import type { ClientCertificate } from "./client-certificate.ts";
import type { WireRequest } from "./wire.ts";

/** One connection of a client. */
export type Connection = {
  /** Remote address and port, `127.0.0.1:50000` or `[::1]:50000`. */
  readonly peer: string;
  /** Whom the client has proved to be, or `null` if nobody asked. */
  readonly certificate: ClientCertificate | null;
  /** True once it is to end with what is being answered on it. */
  isEnding: boolean;
  /** How many requests have come, and how many are over, together. */
  events: number;
  /** Requests whose answers are not out yet. */
  readonly open: LinkedList<OpenRequest>;
};

/** A request whose answer is not out yet. */
export type OpenRequest = {
  /** True while the answer is being made; false while it only waits for the client to take it. */
  readonly isPending: () => boolean;
  /** Called when the connection breaks. */
  readonly end: () => void;
  /** Called when the connection is to end with this answer. */
  readonly beLast: () => void;
  /** Breaks the answer off: nobody takes it. */
  readonly cut: () => void;
};

/** Keeps account of connections. */
export type Connections = {
  /** A connection came. Until it closes it is in the account. */
  readonly add: (socket: Socket, certificate?: ClientCertificate | null) => void;
  /** A session speaks over this connection. */
  readonly bind: (session: Http2Session, socket: Socket) => void;
  /** True while an answer to a request of this session is being made. */
  readonly isBusy: (session: Http2Session) => boolean;
  /** True while the answer to any request on this connection is not out. */
  readonly isAsked: (socket: Socket) => boolean;
  /** The connection that a request came by, or `null` if it is gone. */
  readonly of: (request: WireRequest) => Connection | null;
  /** The connection that a session speaks over, or `null` if it is gone. */
  readonly ofSession: (session: Http2Session | undefined) => Connection | null;
  /** True while the answer to any request is not out. */
  readonly busy: () => boolean;
  /**
   * Breaks off the answers that only waited for their clients when this was called last, and still do. A
   * session is not idle while its client asks for more, so nothing else would ever let go of them.
   */
  readonly cutUntaken: () => void;
  /** Lets every connection end with what is being answered on it. */
  readonly windUp: () => void;
  /** Cuts every connection. */
  readonly destroy: () => void;
};

/** An account without connections. */
export function createConnections(): Connections {
  const sockets = new Map<Socket, Connection>();
  const sessions = new WeakMap<Http2Session, Connection>();
  let untaken: ReadonlySet<OpenRequest> = new Set();

  function ofSession(session: Http2Session | undefined): Connection | null {
    return session ? (sessions.get(session) ?? null) : null;
  }

  return {
    add(socket, certificate = null) {
      const connection: Connection = {
        peer: peerOf(socket),
        certificate,
        isEnding: false,
        events: 0,
        open: createLinkedList(),
      };
      sockets.set(socket, connection);
      socket.once("close", () => {
        sockets.delete(socket);
        connection.open.each((request) => request.end());
      });
    },
    bind(session, socket) {
      const connection = sockets.get(socket);
      if (connection) sessions.set(session, connection);
    },
    isBusy(session) {
      let isBusy = false;
      sessions.get(session)?.open.each((request) => {
        isBusy ||= request.isPending();
      });
      return isBusy;
    },
    isAsked: (socket) => (sockets.get(socket)?.open.size() ?? 0) > 0,
    of(request) {
      if (!("stream" in request)) return sockets.get(request.socket) ?? null;
      return ofSession(request.stream.session);
    },
    ofSession,
    busy() {
      for (const { open } of sockets.values()) if (open.size() > 0) return true;
      return false;
    },
    cutUntaken() {
      const found = new Set<OpenRequest>();
      for (const { open } of sockets.values()) {
        open.each((request) => {
          if (request.isPending()) return;
          if (untaken.has(request)) request.cut();
          else found.add(request);
        });
      }
      untaken = found;
    },
    windUp() {
      for (const connection of sockets.values()) {
        connection.isEnding = true;
        connection.open.each((request) => request.beLast());
      }
    },
    destroy() {
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

function peerOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return isIPv6(remoteAddress) ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
