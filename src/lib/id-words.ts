/**
 * Ids as 128 bits, for tables that must hold many: the UUID of an id of ours (`ses_0190…`),
 * or, so that every text has its place, the beginning of the SHA-256 of any other.
 */
import { createHash } from "node:crypto";

/** Words of 32 bits in an id. */
export const ID_WORDS = 4;

const HYPHEN = 45;
/** A UUID in text (RFC 9562 section 4). */
const UUID_LENGTH = 36;
/** The value of each hexadecimal digit in lower case by its code; 16 for all else. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = "0123456789abcdef".indexOf(String.fromCharCode(code));
  return value < 0 ? 16 : value;
});

/** The words of `id`. */
export function idWords(id: string): Uint32Array {
  const words = new Uint32Array(ID_WORDS);
  writeIdWords(id, words, 0);
  return words;
}

/** Writes the words of `id` into `words` at `at`. */
export function writeIdWords(id: string, words: Uint32Array, at: number): void {
  if (writeUuidWords(id, words, at)) return;
  const digest = createHash("sha256").update(id).digest();
  for (let word = 0; word < ID_WORDS; word += 1) words[at + word] = digest.readUInt32BE(word * 4);
}

/** The same for an id that ends in a UUID, in lower case, behind a prefix and `_`; false for any other. */
function writeUuidWords(id: string, words: Uint32Array, at: number): boolean {
  const start = id.length - UUID_LENGTH;
  if (start < 1 || id[start - 1] !== "_") return false;
  let index = start;
  for (let word = 0; word < ID_WORDS; word += 1) {
    let value = 0;
    for (let digit = 0; digit < 8; digit += 1) {
      if (isHyphenPlace(index - start)) {
        if (id.charCodeAt(index) !== HYPHEN) return false;
        index += 1;
      }
      const next = DIGITS[id.charCodeAt(index)] ?? 16;
      if (next === 16) return false;
      value = (value << 4) | next;
      index += 1;
    }
    words[at + word] = value;
  }
  return true;
}

function isHyphenPlace(offset: number): boolean {
  return offset === 8 || offset === 13 || offset === 18 || offset === 23;
}
