/** The body of a request, as far as anybody wants it. */
import { constants, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { BOUNDS } from "./bounds.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

/**
 * The chunks of a body. Reading fails with the signal's reason once that
 * aborts, and with CANCELED when the client goes away in the middle. Unlike
 * Node's own iterator it leaves the connection alone when reading stops early,
 * so that there is one to answer on.
 */
export async function* readBody(request: WireRequest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await unlessAborted(chunks.next(), signal);
      if (next.done) break;
      yield next.value;
    }
  } finally {
    // Not awaited: a read that was given up settles only with the next bytes, which may never come.
    chunks.return?.().catch(() => {});
  }
  if ("stream" in request && request.stream.aborted) throw gone();
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const settle = (act: () => void) => {
      signal.removeEventListener("abort", abort);
      act();
    };
    work.then(
      (value) => settle(() => resolve(value)),
      () => settle(() => reject(gone())),
    );
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function gone(): ConnectError {
  return new ConnectError("the client went away", Code.Canceled);
}

/**
 * Deals with what is still to come of a body when its answer is on its way.
 * HTTP/2 has a frame to say "enough" (RFC 9113 section 8.1), and what the client
 * may send until then is bounded. On HTTP/1 a little more is read and dropped,
 * since a client that is cut off while it sends may never look at the answer;
 * then the connection is cut.
 */
export function discardRest(request: WireRequest, response: WireResponse, lingerMs: number): void {
  if (request.complete) return;
  request.removeAllListeners("readable");
  if ("stream" in request) {
    endEarly(request.stream, response, lingerMs);
    return;
  }
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  request.once("close", () => clearTimeout(timer));
  let left: number = BOUNDS.discardedBytes;
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
}

/**
 * Says "enough" on a stream whose answer is on its way, once `lingerMs` have passed and the answer is out. Not before
 * that: a stream that is closed already cannot be broken off any more, and a client that takes no answer would keep it.
 */
export function endEarly(
  stream: ServerHttp2Stream,
  response: { once(event: "close", listener: () => void): unknown },
  lingerMs: number,
): void {
  const close = () => stream.close(constants.NGHTTP2_NO_ERROR);
  const timer = setTimeout(() => {
    if (stream.writableFinished) close();
    else stream.once("finish", close);
    // Node keeps a closed stream until somebody has read what had come.
    stream.resume();
  }, lingerMs);
  response.once("close", () => clearTimeout(timer));
}
