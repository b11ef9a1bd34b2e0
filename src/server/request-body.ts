/** The body of a request, as far as anybody wants it. */
import { constants, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { unlessAborted } from "../lib/unless-aborted.ts";
import { BOUNDS } from "./bounds.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

/** What a body is read from. */
export type BodySource = WireRequest | ServerHttp2Stream;

/**
 * The chunks of a body. Reading fails with the signal's reason once that
 * aborts, and with CANCELED when the client goes away in the middle. Unlike
 * Node's own iterator it leaves the connection alone when reading stops early,
 * so that there is one to answer on.
 */
export async function* readBody(source: BodySource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = source.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await unlessAborted(chunks.next().catch(failGone), signal);
      if (next.done) break;
      yield next.value;
    }
  } finally {
    // Not awaited: a read that was given up settles only with the next bytes, which may never come.
    chunks.return?.().catch(() => {});
  }
  if (isCutOff(source)) throw gone();
}

/** Whether the client gave the body up: a stream of HTTP/2 comes to its end then too, as if that were all. */
export function isCutOff(source: BodySource): boolean {
  return "stream" in source ? source.stream.aborted : source.aborted;
}

/**
 * Whether all of a body is here, read or not. Node tells it of a stream only later, and in private: where that does not look
 * as we know it, this is told later, too.
 */
export function hasArrived(source: BodySource): boolean {
  if (source.readableEnded) return true;
  const state = "_readableState" in source ? source._readableState : null;
  return typeof state === "object" && state !== null && "ended" in state && state.ended === true;
}

/** However it broke: what Node says of it is about the connection. */
function failGone(): never {
  throw gone();
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
    endEarly(request.stream, { source: request, response, lingerMs });
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

type EarlyEnd = {
  /** What the body is read from: the stream itself, or what Node has put before it. */
  readonly source: { resume(): unknown };
  readonly response: { once(event: "close", listener: () => void): unknown };
  readonly lingerMs: number;
};

/**
 * Says "enough" on a stream whose answer is on its way, once `lingerMs` have passed and the answer is out. Not before
 * that: a stream that is closed already cannot be broken off any more, and a client that takes no answer would keep it.
 */
export function endEarly(stream: ServerHttp2Stream, { source, response, lingerMs }: EarlyEnd): void {
  const close = () => stream.close(constants.NGHTTP2_NO_ERROR);
  const timer = setTimeout(() => {
    if (stream.writableFinished) close();
    else stream.once("finish", close);
    // Node keeps a closed stream until somebody has read what had come.
    source.resume();
    stream.resume();
  }, lingerMs);
  response.once("close", () => clearTimeout(timer));
}
