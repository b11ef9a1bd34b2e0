/**
 * ECDSA signatures over P-256 in the two forms that there are: 64 bytes, as tokens carry
 * them (RFC 7518 section 3.4), and DER, as OpenSSL takes and gives them (RFC 3279 section
 * 2.2.3). Node would convert them too, but only for a key inside of an object of options,
 * and finds by exceptions that such an object is no key: that costs more than a signature.
 */

/** Bytes of each of the two numbers. */
const SIZE = 32;
/** DER: SEQUENCE, INTEGER. */
const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** Of a SEQUENCE and of an INTEGER: type and length. */
const PREFIX = 2;

/** The signature in DER; `null` if it is not 64 bytes long. Whether the numbers can be a signature is not looked at. */
export function toDer(signature: Uint8Array): Uint8Array | null {
  if (signature.length !== 2 * SIZE) return null;
  // Each number may need a byte for its sign.
  const der = Buffer.allocUnsafe(PREFIX + 2 * (PREFIX + 1 + SIZE));
  const middle = putInteger(der, PREFIX, signature, 0);
  const end = putInteger(der, middle, signature, SIZE);
  der[0] = SEQUENCE;
  der[1] = end - PREFIX;
  return der.subarray(0, end);
}

/** The signature in 64 bytes. `der`: as OpenSSL made it. */
export function fromDer(der: Uint8Array): Uint8Array {
  const signature = Buffer.alloc(2 * SIZE);
  const middle = takeInteger(der, PREFIX, signature.subarray(0, SIZE));
  takeInteger(der, middle, signature.subarray(SIZE));
  return signature;
}

/** Puts the number that begins at `from`, in as few bytes as it takes; where it ends. */
function putInteger(der: Uint8Array, at: number, numbers: Uint8Array, from: number): number {
  const last = from + SIZE - 1;
  let start = from;
  while (start < last && numbers[start] === 0) start += 1;
  // A number whose first bit is set would be negative.
  const sign = (numbers[start] ?? 0) >= 0x80 ? 1 : 0;
  der[at] = INTEGER;
  der[at + 1] = sign + last + 1 - start;
  if (sign === 1) der[at + PREFIX] = 0;
  let end = at + PREFIX + sign;
  for (let index = start; index <= last; index += 1) {
    der[end] = numbers[index] ?? 0;
    end += 1;
  }
  return end;
}

/** Takes a number into the end of `into`; where it ended. */
function takeInteger(der: Uint8Array, at: number, into: Uint8Array): number {
  const end = at + PREFIX + (der[at + 1] ?? 0);
  const start = Math.max(at + PREFIX, end - SIZE);
  into.set(der.subarray(start, end), SIZE - (end - start));
  return end;
}
