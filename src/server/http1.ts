/** HTTP/1 over sockets that another server accepted. */
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { BOUNDS, type Timeouts } from "./bounds.ts";
import type { Connections } from "./connections.ts";
import type { OpenRequests } from "./open-requests.ts";
import type { RequestHandler } from "./wire.ts";

/** Speaks HTTP/1. */
export type Http1 = {
  /** Takes over a connection. */
  readonly accept: (socket: Socket) => void;
  /** Closes the connections on which nothing is asked. */
  readonly closeIdle: () => void;
  /**
   * Closes some of those on which nothing was asked since the last call of this, in which they were found quiet as well.
   * A client that was about to ask on one of them sees it break; not all at once, so that its next try goes well.
   */
  readonly shed: () => void;
  /** Stops looking at time-outs. */
  readonly stop: () => void;
};

type Http1Deps = {
  readonly handle: RequestHandler;
  readonly openRequests: Pick<OpenRequests, "isFull">;
  readonly connections: Pick<Connections, "of" | "isAsked">;
  readonly timeouts: Timeouts;
};

/** The part of the quiet connections that is closed at a time. */
const SHED_PART = 1 / 3;

/** An HTTP/1 server without a port of its own. */
export function createHttp1({ handle, openRequests, connections, timeouts }: Http1Deps): Http1 {
  const server = createServer(
    {
      maxHeaderSize: BOUNDS.headerBytes,
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      keepAliveTimeout: timeouts.idleMs,
      connectionsCheckingInterval: timeouts.checkMs,
      insecureHTTPParser: false,
      requireHostHeader: true,
    },
    (request, response) => {
      const { socket } = request;
      // What was read together is parsed to its end, even if the connection is cut in between.
      if (socket.destroyed) return;
      if (openRequests.isFull()) {
        response.writeHead(503, { "retry-after": "1", connection: "close" }).end();
        return;
      }
      if ((connections.of(request)?.open.size() ?? 0) < BOUNDS.requestsAhead) handle(request, response);
      else socket.destroy();
    },
  );
  /** What had come on each connection when it was looked at last. */
  const sockets = new Map<Socket, number>();

  function isQuiet([socket, bytesBefore]: readonly [Socket, number]): boolean {
    return bytesBefore > 0 && socket.bytesRead === bytesBefore && !connections.isAsked(socket);
  }

  // Node drops what is above a count without a word, a second `authorization` too; the size bounds the number.
  server.maxHeadersCount = 0;
  // Node starts to look at its time-outs when a server listens, and this one never does.
  server.emit("listening");
  return {
    accept(socket) {
      sockets.set(socket, 0);
      socket.once("close", () => sockets.delete(socket));
      server.emit("connection", socket);
    },
    shed() {
      const quiet = [...sockets].filter(isQuiet);
      for (const [socket] of quiet.slice(0, Math.ceil(quiet.length * SHED_PART))) socket.destroy();
      for (const socket of sockets.keys()) sockets.set(socket, socket.bytesRead);
    },
    closeIdle: () => server.closeIdleConnections(),
    stop: () => server.close(),
  };
}
