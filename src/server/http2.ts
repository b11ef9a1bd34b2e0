/** HTTP/2 with prior knowledge, over sockets that another server accepted. */
import {
  constants,
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { BOUNDS, READMISSION, type Timeouts } from "./bounds.ts";
import type { Connections } from "./connections.ts";
import type { Dispatch } from "./dispatch.ts";
import { endWhenIdle } from "./idle-sessions.ts";
import type { OpenRequests } from "./open-requests.ts";
import { createReadmission } from "./readmission.ts";
import { keepStreamsInTable } from "./stream-table.ts";
import { createTurnstile } from "./turnstile.ts";

/** Speaks HTTP/2. */
export type Http2 = {
  /** Takes over a connection, which begins with the client's preface. */
  readonly accept: (socket: Socket) => void;
  /** Tells every client to open no more streams (GOAWAY); each session ends with its last stream. */
  readonly goAway: () => void;
  /**
   * Tells every client that it will be told so, as RFC 9113 section 6.8 has it: it opens no more streams, while those
   * that are on their way are still served. Only over cleartext: what ends there without a notice, is not lost either,
   * since a stream that is not served is refused as such.
   */
  readonly warn: () => void;
};

type Http2Deps = {
  readonly dispatch: Dispatch;
  readonly openRequests: Pick<OpenRequests, "isFull">;
  readonly connections: Pick<Connections, "bind" | "isBusy" | "ofSession">;
  readonly timeouts: Pick<Timeouts, "idleMs" | "requestMs">;
};

/** A stream that a client has opened, as Node announces it. */
type Opened = {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly flags: number;
  readonly rawHeaders: string[];
};

const OPTIONS = {
  maxSessionMemory: BOUNDS.sessionMegabytes,
  maxHeaderListPairs: BOUNDS.headerFields,
  maxDeflateDynamicTableSize: BOUNDS.headerTableBytes,
  maxOutstandingPings: BOUNDS.outstandingPings,
  maxSettings: BOUNDS.settingsEntries,
  maxSessionInvalidFrames: BOUNDS.invalidFrames,
  maxSessionRejectedStreams: BOUNDS.rejectedStreams,
  streamResetBurst: BOUNDS.streamResetBurst,
  streamResetRate: BOUNDS.streamResetsPerSecond,
  settings: {
    maxConcurrentStreams: BOUNDS.concurrentStreams,
    maxHeaderListSize: BOUNDS.headerBytes,
    // What a client may send on a stream before we read it: a request of the largest size, less its frame.
    initialWindowSize: 65_535,
    maxFrameSize: 16_384,
    headerTableSize: BOUNDS.headerTableBytes,
    enablePush: false,
    enableConnectProtocol: false,
  },
};

/** An HTTP/2 server without a port of its own. */
export function createHttp2({ dispatch, openRequests, connections, timeouts }: Http2Deps): Http2 {
  /** Each with its socket, once the client has seen our SETTINGS: they must come first. */
  const sessions = new Map<Http2Session, Socket | null>();
  const server = createServer(OPTIONS);
  // Makes requests and responses out of streams, as Node does it; never listens, nor has sessions.
  const requests = createServer(OPTIONS, dispatch.request);
  const readmission = createReadmission({ ...READMISSION, now: () => performance.now() });
  const waiting = new Set<Socket>();
  // Node tells of a stream before it looks at what came behind its headers. At the end of the turn the bodies are there, and
  // what many calls need is fetched once for all (docs/decisions/0031).
  const turnstile = createTurnstile<Opened>({
    perTurn: BOUNDS.streamsPerTurn,
    laneOf: ({ stream }) => stream.session,
    restingBy: null,
    next: "oldest",
    begin,
    isOver: isStreamOver,
  });
  server.on("stream", (stream, headers, flags, rawHeaders: string[]) => {
    // Whatever goes wrong on a stream ends it; nobody else is concerned.
    stream.on("error", nothing);
    turnstile({ stream, headers, flags, rawHeaders });
  });
  let accepting: Socket | null = null;

  server.on("session", (session) => {
    const socket = accepting;
    // All that sessions may take is bound to their sockets.
    if (socket === null) {
      session.destroy();
      return;
    }
    keepStreamsInTable(session);
    sessions.set(session, null);
    session.once("localSettings", () => sessions.set(session, socket));
    session.once("close", () => sessions.delete(session));
    connections.bind(session, socket);
    // It has come too late to be told with the others.
    if (connections.ofSession(session)?.isEnding) session.close();
    const address = socket.remoteAddress ?? "";
    session.once("error", (error) => {
      if (isMisuse(error)) readmission.cutOff(address);
    });
    // A call may take its time, a stream be silent: dead peers are found by TCP's own probes. But a client that does not
    // take answers has no claim on what they hold.
    const events = () => connections.ofSession(session)?.events ?? 0;
    endWhenIdle({ session, socket, events, isBusy: () => connections.isBusy(session) }, timeouts.idleMs);
  });
  // What a client does to its own session is no fault of ours, and the session is gone.
  server.on("sessionError", nothing);

  function begin({ stream, headers, flags, rawHeaders }: Opened): void {
    if (openRequests.isFull()) {
      refuse(stream);
      return;
    }
    if (dispatch.unaryStream(stream, headers, rawHeaders)) return;
    boundRequest(stream, timeouts.requestMs);
    requests.emit("stream", stream, headers, flags, rawHeaders);
    // An empty body ends by itself while its request waits for its turn, and nobody listens yet.
    if (stream.readableEnded) stream.emit("end");
  }

  function speak(socket: Socket): void {
    accepting = socket;
    server.emit("connection", socket);
    accepting = null;
  }

  /** Lets a client wait that was cut off before: a socket that nobody reads holds little. */
  function speakLater(socket: Socket, waitMs: number): void {
    if (waiting.size >= BOUNDS.waitingSessions) {
      socket.destroy();
      return;
    }
    waiting.add(socket);
    const timer = setTimeout(() => {
      if (waiting.delete(socket)) speak(socket);
    }, waitMs);
    socket.once("close", () => {
      waiting.delete(socket);
      clearTimeout(timer);
    });
  }

  return {
    accept(socket) {
      const waitMs = readmission.waitFor(socket.remoteAddress ?? "");
      if (waitMs === 0) speak(socket);
      else speakLater(socket, waitMs);
    },
    goAway() {
      for (const socket of waiting) socket.destroy();
      for (const session of sessions.keys()) session.close();
    },
    warn() {
      for (const socket of sessions.values()) if (socket !== null && !isEncrypted(socket)) socket.write(NOTICE);
    },
  };
}

/**
 * GOAWAY for all streams after the last there could be (RFC 9113 section 6.8). Written beneath Node, which has no such
 * notice: after its own goaway() it passes over every stream that was on its way. Frames are written whole, one after the
 * other, so this one comes between two; TLS, though, takes no second writer.
 */
const NOTICE = Buffer.from("0000080700000000007fffffff00000000", "hex");

function isEncrypted(socket: Socket): boolean {
  return "encrypted" in socket;
}

/** Whether a session ended because its client broke the rules, or a bound: not because it went away or said that it would. */
function isMisuse(error: Error): boolean {
  return "code" in error && String(error.code).startsWith("ERR_HTTP2_") && error.code !== "ERR_HTTP2_SESSION_ERROR";
}

function isStreamOver({ stream }: Opened): boolean {
  return stream.closed || stream.destroyed;
}

/**
 * Gives up a request that is not at its end in time, as HTTP/1 does, unless something was answered to it: a stream both
 * ways may listen for as long as it likes. Calls have deadlines of their own.
 */
function boundRequest(stream: ServerHttp2Stream, requestMs: number): void {
  const timer = setTimeout(() => {
    const isWhole = stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE;
    if (!isWhole && !stream.headersSent) stream.close(constants.NGHTTP2_CANCEL);
  }, requestMs);
  stream.once("close", () => clearTimeout(timer));
}

/** Nothing was done about it, so that any client may retry it (RFC 9113 section 8.7). */
function refuse(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_REFUSED_STREAM);
}

function nothing(): void {}
