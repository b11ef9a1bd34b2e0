/** The Huffman code of HPACK (RFC 7541 appendix B), for reading. */

/**
 * How many bits the code of each byte has, one base-36 digit a byte. That is enough:
 * codes of one length count upwards, shorter ones come first.
 */
const LENGTHS = [
  "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca",
  "d67777777777777777777777878djde6f56565666577666567655677777fbeds",
  "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn",
  "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq",
].join("");

/** The byte of each code, found by the length and the code itself. */
const BYTES: ReadonlyMap<number, number> = codes();
/** No code that ends in a text is longer. */
const LONGEST = 30;

/** The text that the bytes stand for. @throws Error if they are no code. */
export function decodeHuffman(bytes: Uint8Array): string {
  let text = "";
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = (code << 1) | ((byte >> bit) & 1);
      length += 1;
      const found = BYTES.get(keyOf(length, code));
      if (found !== undefined) {
        text += String.fromCharCode(found);
        code = 0;
        length = 0;
      } else if (length > LONGEST) {
        throw new Error("a header is in no Huffman code");
      }
    }
  }
  return text;
}

function codes(): Map<number, number> {
  const bytes = Array.from(LENGTHS, (digit, byte) => ({ byte, length: Number.parseInt(digit, 36) }));
  bytes.sort((a, b) => a.length - b.length || a.byte - b.byte);
  const found = new Map<number, number>();
  let next = 0;
  let before = 0;
  for (const { byte, length } of bytes) {
    next *= 2 ** (length - before);
    before = length;
    found.set(keyOf(length, next), byte);
    next += 1;
  }
  return found;
}

function keyOf(length: number, code: number): number {
  return length * 2 ** 31 + code;
}
