/**
 * One HTTP/2 connection of a client that does nothing but ask (RFC 9113). Written by
 * hand because Node's own client needs more CPU for a call than the servers that
 * are measured: they would wait for it, and a server that waits answers call by
 * call what it answers in batches under load.
 */
import { connect } from "node:net";
import { createFieldReader, writtenFields } from "./hpack.ts";
import {
  createFrameReader,
  FLAG,
  FRAME,
  type Frame,
  frame,
  NOTHING,
  readSetting,
  windowUpdate,
} from "./http2-frames.ts";
import type { Answer, Done, Fields, Target } from "./job.ts";

/** Asks over one connection. */
export type Connection = { readonly ask: (body: Uint8Array | null, done: Done) => void; readonly close: () => void };

/** A call that waits for its answer. */
type Call = { readonly done: Done; headers: Fields | null; trailers: Fields; readonly chunks: Buffer[] };

/** What either side may send before the other has said anything, on a connection. */
const FIRST_WINDOW = 65_535;
/** Streams that may be open at once, until the server has said how many: what it should allow at least (RFC 9113 section 6.5.2). */
const FIRST_MOST_OPEN = 100;
/** The setting that says how many (RFC 9113 section 6.5.2). */
const MAX_CONCURRENT_STREAMS = 3;
/** What the server may send before it hears from us. */
const WIDE_WINDOW = 2 ** 31 - 1 - FIRST_WINDOW;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** ENABLE_PUSH: 0. */
const NO_PUSH = Buffer.from([0, 2, 0, 0, 0, 0]);

/** Opens a connection to `target`. */
export function openConnection(target: Target): Connection {
  const { port, method, path } = target;
  const pseudo = { ":method": method, ":scheme": "http", ":authority": `127.0.0.1:${port}`, ":path": path };
  const blocks = writtenFields({ ...pseudo, ...target.headers });
  const readFields = createFieldReader();
  const calls = new Map<number, Call>();
  /** Requests that wait for room in the server's window, or for the end of others. */
  const held: { readonly request: Buffer; readonly size: number }[] = [];
  let outgoing: Buffer[] = [];
  let nextStream = 1;
  let room = FIRST_WINDOW;
  let open = 0;
  let mostOpen = FIRST_MOST_OPEN;
  let received = 0;

  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.on("data", createFrameReader(onFrame));
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the connection was closed before the answer")));
  send(Buffer.concat([PREFACE, frame(FRAME.SETTINGS, 0, 0, NO_PUSH), windowUpdate(WIDE_WINDOW)]));

  /** What is said in one turn of the event loop goes out in one piece. */
  function send(bytes: Buffer): void {
    outgoing.push(bytes);
    if (outgoing.length > 1) return;
    process.nextTick(() => {
      socket.write(Buffer.concat(outgoing));
      outgoing = [];
    });
  }

  function ask(body: Uint8Array | null, done: Done): void {
    if (socket.destroyed) {
      done(new Error("the connection is closed"));
      return;
    }
    const stream = nextStream;
    nextStream += 2;
    calls.set(stream, { done, headers: null, trailers: {}, chunks: [] });
    held.push({ request: request(stream, stream === 1 ? blocks.first : blocks.again, body), size: body?.length ?? 0 });
    release();
  }

  function release(): void {
    for (let next = held[0]; next !== undefined && next.size <= room && open < mostOpen; next = held[0]) {
      held.shift();
      open += 1;
      room -= next.size;
      send(next.request);
    }
  }

  function onFrame(next: Frame): void {
    const { type, flags, stream, payload } = next;
    if (type === FRAME.DATA || type === FRAME.HEADERS) onPart(next);
    else if (type === FRAME.WINDOW_UPDATE && stream === 0) {
      room += payload.readUInt32BE(0);
      release();
    } else if (type === FRAME.SETTINGS || type === FRAME.PING) {
      if ((flags & FLAG.ACK) === 0) acknowledge(type, payload);
    } else if (type === FRAME.RST_STREAM) {
      finish(stream, new Error(`the stream was reset with code ${payload.readUInt32BE(0)}`));
    } else if (type === FRAME.GOAWAY) fail(new Error("the server ended the connection"));
  }

  /** A SETTINGS frame is acknowledged once it is obeyed (RFC 9113 section 6.5.3). */
  function acknowledge(type: number, payload: Buffer): void {
    if (type === FRAME.SETTINGS) mostOpen = readSetting(payload, MAX_CONCURRENT_STREAMS) ?? mostOpen;
    send(frame(type, FLAG.ACK, 0, type === FRAME.PING ? payload : NOTHING));
    release();
  }

  /** Headers, a piece of the body, or trailers. */
  function onPart({ type, flags, stream, payload }: Frame): void {
    if ((flags & FLAG.PADDED) !== 0 || (type === FRAME.HEADERS && (flags & FLAG.END_HEADERS) === 0)) {
      fail(new Error("the driver reads neither padding nor headers in parts"));
      return;
    }
    const call = calls.get(stream);
    if (type === FRAME.DATA) {
      if (payload.length > 0) call?.chunks.push(payload);
      widen(payload.length);
    } else {
      // Read even where nobody waits: the next block may refer to it.
      const fields = readFields(payload);
      if (call?.headers === null) call.headers = fields;
      else if (call !== undefined) call.trailers = fields;
    }
    if ((flags & FLAG.END_STREAM) !== 0) finish(stream, null);
  }

  function widen(by: number): void {
    received += by;
    if (received < WIDE_WINDOW / 2) return;
    send(windowUpdate(received));
    received = 0;
  }

  function finish(stream: number, failure: Error | null): void {
    const call = calls.get(stream);
    if (call === undefined) return;
    calls.delete(stream);
    open -= 1;
    release();
    call.done(failure ?? answerOf(call));
  }

  function fail(error: Error): void {
    socket.destroy();
    for (const stream of [...calls.keys()]) finish(stream, error);
  }

  return { ask, close: () => void socket.destroy() };
}

function request(stream: number, block: Buffer, body: Uint8Array | null): Buffer {
  if (body === null) return frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream, block);
  const head = frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, block);
  return Buffer.concat([head, frame(FRAME.DATA, FLAG.END_STREAM, stream, body)]);
}

function answerOf({ headers, trailers, chunks }: Call): Answer {
  const [first] = chunks;
  return {
    status: Number(headers?.[":status"] ?? 0),
    grpcStatus: trailers["grpc-status"] ?? headers?.["grpc-status"] ?? null,
    headers: headers ?? {},
    trailers,
    body: first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks),
  };
}
