/** Messages in gRPC's frames: one byte of flags, four of length, then the message (gRPC over HTTP/2, "Length-Prefixed-Message"). */

/** Flags and length. */
export const FRAME_PREFIX_BYTES = 5;
/** A gRPC-Web frame that holds trailers (gRPC-Web, "Protocol differences"). */
const TRAILERS = 0x80;

/** The message in a body that is exactly one frame without compression; `null` for any other. */
export function openFrame(body: Buffer): Buffer | null {
  if (body.length < FRAME_PREFIX_BYTES || body[0] !== 0) return null;
  const length = body.readUInt32BE(1);
  return body.length === FRAME_PREFIX_BYTES + length ? body.subarray(FRAME_PREFIX_BYTES) : null;
}

/** Writes flags and length into the room in front of a message. */
export function closeFrame(frame: Uint8Array, flags = 0): Uint8Array {
  const length = frame.length - FRAME_PREFIX_BYTES;
  frame[0] = flags;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
  return frame;
}

/** Trailers in a frame, as gRPC-Web ends its answers. */
export function toTrailersFrame(trailers: Uint8Array): Uint8Array {
  return closeFrame(Buffer.concat([Buffer.alloc(FRAME_PREFIX_BYTES), trailers]), TRAILERS);
}
