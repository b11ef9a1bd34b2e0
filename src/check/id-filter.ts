/**
 * Which ids a table may have: one bit for all ids that share some bits of their last word (Bloom, "Space/time
 * trade-offs in hash coding with allowable errors", 1970, with one hash function, since ids are random already).
 * Most ids that are looked for are not in the table. They are told apart here, in memory so small that the
 * processor keeps it near, and so are found missing at the price of one load.
 *
 * A bit cannot be taken back, so the filter is in segments, as the table is in parts: a segment is filled anew
 * whenever its part has been gone through.
 */

/** A filter. It may say yes to an id that is not there; never no to one that is. */
export type IdFilter = {
  /** Whether an id with this last word may be there. */
  readonly mayHave: (last: number) => boolean;
  readonly add: (last: number) => void;
  /** Makes each segment at least so large: a power of two of bits. */
  readonly grow: (segmentBits: number) => void;
  /** Empties a segment, for what is in it to be added anew. */
  readonly clear: (segment: number) => void;
};

/** Bits that choose the segment: the upper ones of the last word. */
const SEGMENT_BITS = 8;
/** The segments of a filter. */
export const SEGMENTS = 2 ** SEGMENT_BITS;
const WORD_BITS = 32;
/** The largest segment, so that an index of bits stays a small integer. */
const MOST_BITS = 2 ** 22;

/** The segment that an id with this last word belongs to. */
export function segmentOf(last: number): number {
  return last >>> (WORD_BITS - SEGMENT_BITS);
}

/** An empty {@link IdFilter}. */
export function createIdFilter(): IdFilter {
  let segmentBits = WORD_BITS;
  let bits = new Uint32Array(SEGMENTS);

  const indexOf = (last: number) => segmentOf(last) * segmentBits + (last & (segmentBits - 1));

  /** Each bit stands for two from now on, of which one or both are meant. */
  function double(): void {
    const words = segmentBits / WORD_BITS;
    const larger = new Uint32Array(bits.length * 2);
    for (let segment = 0; segment < SEGMENTS; segment += 1) {
      const old = bits.subarray(segment * words, (segment + 1) * words);
      larger.set(old, segment * words * 2);
      larger.set(old, segment * words * 2 + words);
    }
    segmentBits *= 2;
    bits = larger;
  }

  return {
    mayHave(last) {
      const index = indexOf(last);
      return (((bits[index >>> 5] ?? 0) >>> (index & 31)) & 1) === 1;
    },
    add(last) {
      const index = indexOf(last);
      const word = index >>> 5;
      bits[word] = (bits[word] ?? 0) | (1 << (index & 31));
    },
    grow(wanted) {
      while (segmentBits < Math.min(wanted, MOST_BITS)) double();
    },
    clear(segment) {
      const words = segmentBits / WORD_BITS;
      bits.fill(0, segment * words, (segment + 1) * words);
    },
  };
}
