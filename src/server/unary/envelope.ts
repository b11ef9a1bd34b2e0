/** Messages in gRPC's frames: one byte of flags, four of length, then the message (gRPC over HTTP/2, "Length-Prefixed-Message"). */

/** Flags and length. */
export const FRAME_PREFIX_BYTES = 5;
/** A gRPC-Web frame that holds trailers (gRPC-Web, "Protocol differences"). */
const TRAILERS = 0x80;

/** The message in a body that is exactly one frame without compression; `null` for any other. */
export function openFrame(body: Uint8Array): Uint8Array | null {
  if (body.length < FRAME_PREFIX_BYTES || body[0] !== 0) return null;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  return body.length === FRAME_PREFIX_BYTES + length ? body.subarray(FRAME_PREFIX_BYTES) : null;
}

/** A message in a frame. */
export function toFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, FRAME_PREFIX_BYTES);
  return frame;
}

/** A message, if there is one, and trailers after it: the body of a gRPC-Web answer. */
export function toWebBody(message: Uint8Array | null, trailers: Uint8Array): Uint8Array {
  const frame = Buffer.from(toFrame(trailers));
  frame[0] = TRAILERS;
  return message === null ? frame : Buffer.concat([toFrame(message), frame]);
}
