/** HTTP/2 with prior knowledge, over sockets that another server accepted. */
import { createServer, type Http2Session } from "node:http2";
import type { Socket } from "node:net";
import { BOUNDS, type Timeouts } from "./bounds.ts";
import type { Connections } from "./connections.ts";
import type { RequestHandler } from "./wire.ts";

/** Speaks HTTP/2. */
export type Http2 = {
  /** Takes over a connection, which begins with the client's preface. */
  readonly accept: (socket: Socket) => void;
  /** Tells every client to open no more streams (GOAWAY); each session ends with its last stream. */
  readonly goAway: () => void;
};

type Http2Deps = {
  readonly handle: RequestHandler;
  readonly connections: Pick<Connections, "bind" | "isBusy">;
  readonly timeouts: Pick<Timeouts, "idleMs">;
};

const OPTIONS = {
  maxSessionMemory: BOUNDS.sessionMegabytes,
  maxHeaderListPairs: BOUNDS.headerFields,
  maxDeflateDynamicTableSize: 4096,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // Streams that a client opens and resets at once (CVE-2023-44487): a burst, then so many a second.
  streamResetBurst: 1000,
  streamResetRate: 33,
  settings: {
    maxConcurrentStreams: BOUNDS.concurrentStreams,
    maxHeaderListSize: BOUNDS.headerBytes,
    // What a client may send on a stream before we read it: a request of the largest size, less its frame.
    initialWindowSize: 65_535,
    maxFrameSize: 16_384,
    headerTableSize: 4096,
    enablePush: false,
    enableConnectProtocol: false,
  },
};

/** An HTTP/2 server without a port of its own. */
export function createHttp2({ handle, connections, timeouts }: Http2Deps): Http2 {
  const sessions = new Set<Http2Session>();
  const server = createServer(OPTIONS, handle);
  let accepting: Socket | null = null;

  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    if (accepting) connections.bind(session, accepting);
    session.setTimeout(timeouts.idleMs);
    session.on("timeout", () => {
      // A call may take its time, a stream be silent: dead peers are found by TCP's own probes. But a client
      // that does not take answers has no claim on what they hold.
      if (connections.isBusy(session)) session.setTimeout(timeouts.idleMs);
      else session.destroy();
    });
  });
  // What a client does to its own session is no fault of ours, and the session is gone.
  server.on("sessionError", () => {});

  return {
    accept(socket) {
      accepting = socket;
      server.emit("connection", socket);
      accepting = null;
    },
    goAway() {
      for (const session of sessions) session.close();
    },
  };
}
