/**
 * The end of an answer over HTTP/2, in one write with all that comes before it.
 *
 * Node ends the data of a stream that has trailers only when the socket has taken it, and sends the trailers a turn of the
 * event loop later. So each answer of gRPC leaves in two writes: two calls of the system, two packets, and a client that
 * wakes up twice. That is an eighth of what a check costs (docs/decisions/0030).
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { OK_TRAILERS } from "./answers.ts";

/** Writes at once, past the queue of a stream (`Writable._write`). */
type Sink = { _write(chunk: unknown, encoding: string, callback: () => void): void };

/**
 * Writes the body of an answer and ends its stream. `finish` is told before the body is out, so nobody may wait for that;
 * and the stream must have been read or paused, else Node takes it for one that nobody wants, and closes it.
 */
export function endWith(stream: ServerHttp2Stream, body: Uint8Array | string | null): void {
  const sink: Sink = stream;
  // Out of its queue, Node would end the data of a stream with trailers only when it is out; and one without them it would
  // destroy before the queue hears of that, and make an error of it, with its stack, for nobody.
  if (body !== null && body.length > 0) sink._write(body, typeof body === "string" ? "latin1" : "buffer", nothing);
  stream.end();
}

/** Sends trailers when their stream asks for them; a stream that takes none is closed. */
export type SendTrailers = (stream: ServerHttp2Stream, trailers: Readonly<Record<string, string>>) => void;

/** What is beneath a stream of Node's. */
type Handle = {
  /** Puts trailers behind the data; negative if that cannot be. nghttp2 lets it be called while it asks for data. */
  trailers: (...given: readonly unknown[]) => unknown;
};

/**
 * A {@link SendTrailers}. Those of a call that succeeded go out with its data, as soon as Node has once sent them in its own
 * way. That is a private matter of Node's: where it does not look as we know it, they go out later, as all others do.
 */
export function createSendTrailers(): SendTrailers {
  let handleKey: symbol | undefined;
  /** What Node gives the handle for the trailers of a call that succeeded, in a form of its own; `null` until it did. */
  let okArguments: readonly unknown[] | null = null;

  function handleOf(stream: ServerHttp2Stream): Handle | null {
    handleKey ??= Object.getOwnPropertySymbols(stream).find(({ description }) => description === "kHandle");
    const handle: unknown = handleKey === undefined ? undefined : Reflect.get(stream, handleKey);
    return isHandle(handle) ? handle : null;
  }

  /** Notes what the handle is given next. */
  function listen(handle: Handle): void {
    handle.trailers = (...given) => {
      Reflect.deleteProperty(handle, "trailers");
      okArguments = given;
      return handle.trailers(...given);
    };
  }

  function send(stream: ServerHttp2Stream, trailers: Readonly<Record<string, string>>): void {
    const handle = trailers === OK_TRAILERS ? handleOf(stream) : null;
    if (handle !== null && okArguments !== null) {
      if (Number(handle.trailers(...okArguments)) < 0) throw new Error("the stream takes no trailers");
      return;
    }
    if (handle !== null) listen(handle);
    stream.sendTrailers(trailers);
  }

  return function sendTrailers(stream, trailers) {
    try {
      send(stream, trailers);
    } catch {
      // Nobody waits for what would be thrown.
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  };
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "trailers" in value && typeof value.trailers === "function";
}

function nothing(): void {}
