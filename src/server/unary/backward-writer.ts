/** Writes bytes from the end of a buffer to its beginning (Protocol Buffers encoding). One message at a time. */
export type BackwardWriter = {
  /** Forgets what was written before. */
  readonly begin: () => void;
  /** Bytes written so far. */
  readonly length: () => number;
  /** A copy of what was written since there were so many bytes. */
  readonly since: (length: number) => Uint8Array;
  /** A copy of what was written, behind so many bytes that are left free. */
  readonly written: (room: number) => Buffer;
  /** An unsigned integer below 2^53. */
  readonly varint: (value: number) => void;
  /** An integer of 32 bits, with sign. */
  readonly integer: (value: number) => void;
  /** An integer of 64 bits, with sign. */
  readonly varint64: (value: bigint) => void;
  readonly text: (value: string) => void;
  readonly bytes: (value: Uint8Array) => void;
};

const FIRST_SIZE = 65_536;
/** Texts up to this length are looked at character by character: calling out costs more. */
const SHORT = 64;
const LONGEST_VARINT = 10;
const ABOVE_31_BITS = 2 ** 31;

/** A {@link BackwardWriter} whose buffer grows as it must. */
export function createBackwardWriter(): BackwardWriter {
  let buffer = Buffer.allocUnsafeSlow(FIRST_SIZE);
  /** Where what is written begins. */
  let at = FIRST_SIZE;

  function reserve(size: number): void {
    if (at >= size) return;
    const kept = buffer.subarray(at);
    const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, kept.length + size));
    at = grown.length - kept.length;
    grown.set(kept, at);
    buffer = grown;
  }

  function varint(value: number): void {
    if (value < 0x80) {
      reserve(1);
      at -= 1;
      buffer[at] = value;
      return;
    }
    reserve(LONGEST_VARINT);
    let size = 1;
    for (let bound = 0x80; bound <= value; bound *= 0x80) size += 1;
    at -= size;
    let index = at;
    let rest = value;
    // Above that, the operators on bits would lose some.
    for (; rest >= ABOVE_31_BITS; rest = Math.floor(rest / 0x80)) {
      buffer[index] = (rest % 0x80) + 0x80;
      index += 1;
    }
    for (; rest >= 0x80; rest >>= 7) {
      buffer[index] = (rest & 0x7f) | 0x80;
      index += 1;
    }
    buffer[index] = rest;
  }

  function varint64(value: bigint): void {
    const number = Number(value);
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) {
      varint(number);
      return;
    }
    reserve(LONGEST_VARINT);
    const unsigned = BigInt.asUintN(64, value);
    const bits = unsigned.toString(2).length;
    const size = Math.ceil(bits / 7);
    at -= size;
    for (let index = 0; index < size; index += 1) {
      const low = Number((unsigned >> BigInt(7 * index)) & 127n);
      buffer[at + index] = index === size - 1 ? low : low + 128;
    }
  }

  /** Whether the text was plain ASCII, and is written. */
  function shortText(value: string): boolean {
    reserve(value.length);
    const start = at - value.length;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 127) return false;
      buffer[start + index] = code;
    }
    at = start;
    return true;
  }

  return {
    begin() {
      at = buffer.length;
    },
    length: () => buffer.length - at,
    since: (length) => Uint8Array.prototype.slice.call(buffer, at, buffer.length - length),
    written(room) {
      const copy = Buffer.allocUnsafe(room + buffer.length - at);
      buffer.copy(copy, room, at);
      return copy;
    },
    varint,
    varint64,
    integer(value) {
      if (value >= 0) varint(value);
      else varint64(BigInt(value));
    },
    text(value) {
      if (value.length <= SHORT && shortText(value)) return;
      const size = Buffer.byteLength(value);
      reserve(size);
      at -= size;
      buffer.write(value, at, "utf8");
    },
    bytes(value) {
      reserve(value.length);
      at -= value.length;
      buffer.set(value, at);
    },
  };
}
