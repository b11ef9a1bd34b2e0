/** HTTP/2 as bytes, written and read by hand (RFC 9113), for clients that no library would be. */

/** What a client with prior knowledge says first. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Types of frames (RFC 9113 section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags of frames. */
export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4 } as const;

/** The settings that tests send, by their numbers (RFC 9113 section 6.5.2). */
export const SETTING = { HEADER_TABLE_SIZE: 1, ENABLE_PUSH: 2, INITIAL_WINDOW_SIZE: 4, MAX_FRAME_SIZE: 5 } as const;

/** Codes of errors (RFC 9113 section 7). */
export const CODE = { CANCEL: 8, ENHANCE_YOUR_CALM: 11 } as const;

const HEAD_BYTES = 9;

type FrameParts = {
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Uint8Array;
  /** What the frame claims to hold, in bytes; the truth unless stated. */
  readonly length?: number;
};

/** One frame. */
export function frame(type: number, { flags = 0, stream = 0, payload = Buffer.alloc(0), length }: FrameParts): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(length ?? payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** SETTINGS of numbers and values. */
export function settingsFrame(settings: readonly (readonly [number, number])[] = []): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [name, value]] of settings.entries()) {
    payload.writeUInt16BE(name, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FRAME.SETTINGS, { payload });
}

/** The agreement to the other side's settings. */
export const SETTINGS_ACK = frame(FRAME.SETTINGS, { flags: FLAG.ACK });

/** Lets the other side send so many bytes more, on a stream or (0) on the whole connection. */
export function windowUpdate(stream: number, bytes: number): Buffer {
  return frame(FRAME.WINDOW_UPDATE, { stream, payload: uint32(bytes) });
}

/** Ends a stream. */
export function resetFrame(stream: number, code: number = CODE.CANCEL): Buffer {
  return frame(FRAME.RST_STREAM, { stream, payload: uint32(code) });
}

/** A name and a value. */
export type Field = readonly [name: string, value: string];

/** Header fields, each spelled out and none remembered (RFC 7541 section 6.2.2). */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([prefixedLength(bytes.length), bytes]);
}

/** A length behind a prefix of seven bits (RFC 7541 section 5.1). */
function prefixedLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
  return Buffer.from([...bytes, rest]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A frame that came back. */
export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
};

/** The whole frames at the beginning of `bytes`. */
export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const [type = 0, flags = 0] = bytes.subarray(at + 3, at + 5);
    frames.push({ type, flags, stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + HEAD_BYTES, end) });
    at = end;
  }
  return frames;
}
