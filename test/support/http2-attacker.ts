/** An HTTP/2 client without manners: it sends what it is told, and may or may not read. */
import { once } from "node:events";
import { setImmediate as breathe } from "node:timers/promises";
import { type Field, FLAG, FRAME, frame, headerBlock, PREFACE, readFrames, settingsFrame } from "./http2-frames.ts";
import { type RawConnection, rawConnection } from "./wire-raw.ts";

/** A connection that has said the preface and its settings. */
export type Attacker = RawConnection & {
  /**
   * Sends what `next` gives again and again, as fast as it is taken.
   * @returns how much was sent when `most` bytes were, or the other end had closed.
   */
  readonly flood: (next: () => Uint8Array, most: number) => Promise<number>;
  /** The frames that have come back. */
  readonly frames: () => ReturnType<typeof readFrames>;
};

type AttackerOptions = {
  readonly settings?: Parameters<typeof settingsFrame>[0];
  /** False: nothing that comes back is ever read. */
  readonly reads?: boolean;
};

/** Connects to the port. */
export async function http2Attacker(port: number, options: AttackerOptions = {}): Promise<Attacker> {
  const { settings = [], reads = true } = options;
  const connection = await rawConnection(port);
  const { socket } = connection;
  if (!reads) socket.pause();
  socket.write(Buffer.concat([PREFACE, settingsFrame(settings)]));
  return {
    ...connection,
    frames: () => readFrames(connection.received()),
    async flood(next, most) {
      let sent = 0;
      const over = new AbortController();
      connection.closed.then(() => over.abort());
      while (sent < most && !socket.destroyed) {
        const bytes = next();
        sent += bytes.length;
        // The well-behaved clients live in this process too, and want their turn.
        if (socket.write(bytes)) await breathe();
        else await once(socket, "drain", { signal: over.signal }).catch(() => {});
      }
      return sent;
    },
  };
}

const AUTHORIZE = "/sallyport.auth.v1.AuthService/Authorize";

/** The header fields of a call, Connect JSON unless stated. */
export function callFields(path = AUTHORIZE, contentType = "application/json"): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "a"],
    ["content-type", contentType],
    ["te", "trailers"],
  ];
}

const CALL_BLOCK = headerBlock(callFields());

/** The HEADERS of a call, whose body is yet to come unless `flags` say otherwise. */
export function callHeaders(stream: number, { flags = FLAG.END_HEADERS as number, block = CALL_BLOCK } = {}): Buffer {
  return frame(FRAME.HEADERS, { flags, stream, payload: block });
}

/** A whole call: HEADERS, and DATA that ends the stream. */
export function wholeCall(stream: number, body: Uint8Array | string, block = CALL_BLOCK): Buffer {
  const data = frame(FRAME.DATA, { flags: FLAG.END_STREAM, stream, payload: Buffer.from(body) });
  return Buffer.concat([callHeaders(stream, { block }), data]);
}

/** The streams that a client opens, one after the other. */
export function streamIds(): () => number {
  let next = -1;
  return () => {
    next += 2;
    return next;
  };
}
