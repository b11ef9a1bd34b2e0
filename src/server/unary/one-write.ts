/**
 * The end of an answer over HTTP/2, in one write with all that comes before it.
 *
 * Node ends the data of a stream with trailers only when the socket has taken it, and sends the trailers a turn of the event
 * loop later. So each answer of gRPC leaves in two writes: two calls of the system, two packets, and a client that wakes
 * up twice. That is an eighth of what a check costs (docs/decisions/0030).
 */
import type { ServerHttp2Stream } from "node:http2";
import { OK_TRAILERS } from "./answers.ts";

/** What a stream writes with, past the queue of its own: Node's own handle has one. */
type Sink = { _write(chunk: unknown, encoding: string, callback: () => void): void };

/**
 * Writes the body of an answer, and ends its stream at once. `finish` is then told before the body is out: only for
 * streams on which nobody waits for it.
 */
export function endWith(stream: ServerHttp2Stream, body: Uint8Array | string | null): void {
  const sink: Sink = stream;
  // What is in the queue of a stream is ended no sooner than it is out, and then the stream is closed first: each time Node
  // makes an error of that, with its stack, for nobody.
  if (body !== null && body.length > 0) sink._write(body, typeof body === "string" ? "latin1" : "buffer", nothing);
  stream.end();
}

type Trailers = Readonly<Record<string, string>>;

/** What is beneath a stream of Node's. */
type Handle = {
  /** Puts trailers behind the data; negative if that cannot be. nghttp2 lets it be called while it asks for data. */
  trailers: (...told: readonly unknown[]) => unknown;
};

/**
 * Returns a function that sends trailers, when their stream asks for them. Those of an answer that is well go out with its
 * data, as soon as Node has once sent them in its own way. That is a private matter of Node's: where it does not look as
 * we know it, they go out later, as all others do. The function throws if trailers cannot be sent.
 */
export function createTrailers(): (stream: ServerHttp2Stream, trailers: Trailers) => void {
  let handleKey: symbol | undefined;
  /** What Node tells its handle of the trailers of an answer that is well, in words of its own; `null` until it did. */
  let told: readonly unknown[] | null = null;

  function handleOf(stream: ServerHttp2Stream): Handle | null {
    handleKey ??= Object.getOwnPropertySymbols(stream).find(({ description }) => description === "kHandle");
    const handle: unknown = handleKey === undefined ? undefined : Reflect.get(stream, handleKey);
    return isHandle(handle) ? handle : null;
  }

  /** Notes what the handle is told next. */
  function listen(handle: Handle): void {
    handle.trailers = (...words) => {
      Reflect.deleteProperty(handle, "trailers");
      told = words;
      return handle.trailers(...words);
    };
  }

  return function sendTrailers(stream, trailers) {
    const handle = trailers === OK_TRAILERS ? handleOf(stream) : null;
    if (handle === null) stream.sendTrailers(trailers);
    else if (told === null) {
      listen(handle);
      stream.sendTrailers(trailers);
    } else if (Number(handle.trailers(...told)) < 0) throw new Error("no trailers can be sent");
  };
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "trailers" in value && typeof value.trailers === "function";
}

function nothing(): void {}
