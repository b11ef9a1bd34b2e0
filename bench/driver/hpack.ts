/**
 * Header fields in HTTP/2 (HPACK, RFC 7541), as far as a client needs them: reads
 * whatever a server may send; writes each field in full the first time and as a
 * number from then on, as every HTTP/2 client does.
 */
import { decodeHuffman } from "./huffman.ts";

type Field = readonly [name: string, value: string];

/** The fields that have a number from the start (appendix A), a line each. */
const STATIC_TABLE: readonly Field[] = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
`
  .trim()
  .split("\n")
  .map((line): Field => {
    const [name = "", ...value] = line.split(" ");
    return [name, value.join(" ")];
  });
/** What a table may hold unless something else was agreed on, in bytes. */
const TABLE_BYTES = 4096;
/** What each field costs beyond its text (section 4.1). */
const FIELD_BYTES = 32;

/** Reads the header blocks of one connection, in the order in which they come. */
export function createFieldReader(): (block: Buffer) => Record<string, string> {
  const table: Field[] = [];
  let capacity = TABLE_BYTES;
  let size = 0;

  /** The newest field has the lowest number. */
  function remember(field: Field): void {
    table.unshift(field);
    size += sizeOf(field);
    evict();
  }

  function evict(): void {
    while (size > capacity) {
      const oldest = table.pop();
      if (oldest === undefined) return;
      size -= sizeOf(oldest);
    }
  }

  function fieldAt(index: number): Field {
    const field = index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : table[index - STATIC_TABLE.length - 1];
    if (field === undefined) throw new Error(`there is no header field ${index}`);
    return field;
  }

  return function readFields(block) {
    const cursor = { block, at: 0 };
    const fields: Record<string, string> = {};
    while (cursor.at < block.length) {
      const first = block[cursor.at] ?? 0;
      if (first >= 0x80) {
        const [name, value] = fieldAt(readNumber(cursor, 7));
        fields[name] = value;
      } else if (first >= 0x40) {
        const field = readLiteral(cursor, 6, fieldAt);
        fields[field[0]] = field[1];
        remember(field);
      } else if (first >= 0x20) {
        capacity = readNumber(cursor, 5);
        evict();
      } else {
        const [name, value] = readLiteral(cursor, 4, fieldAt);
        fields[name] = value;
      }
    }
    return fields;
  };
}

type Cursor = { readonly block: Buffer; at: number };

/** A number that begins in the lowest `bits` of a byte (section 5.1). */
function readNumber(cursor: Cursor, bits: number): number {
  const most = 2 ** bits - 1;
  let value = (cursor.block[cursor.at++] ?? 0) & most;
  if (value < most) return value;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.block[cursor.at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

function readLiteral(cursor: Cursor, bits: number, fieldAt: (index: number) => Field): Field {
  const index = readNumber(cursor, bits);
  const name = index === 0 ? readText(cursor) : fieldAt(index)[0];
  return [name, readText(cursor)];
}

function readText(cursor: Cursor): string {
  const isHuffman = (cursor.block[cursor.at] ?? 0) >= 0x80;
  const length = readNumber(cursor, 7);
  const bytes = cursor.block.subarray(cursor.at, cursor.at + length);
  cursor.at += length;
  return isHuffman ? decodeHuffman(bytes) : bytes.toString("latin1");
}

/** The same fields as a block, the first time on a connection and every time after that. */
export function writtenFields(fields: Readonly<Record<string, string>>): { first: Buffer; again: Buffer } {
  const entries = Object.entries(fields);
  const literals = entries.map(([name, value]) =>
    Buffer.concat([Buffer.from([0x40]), writtenText(name), writtenText(value)]),
  );
  // The first that was written is the oldest of the table.
  const numbers = entries.map((_, index) => 0x80 | (STATIC_TABLE.length + entries.length - index));
  return { first: Buffer.concat(literals), again: Buffer.from(numbers) };
}

/** Without Huffman. */
function writtenText(text: string): Buffer {
  const length = Buffer.byteLength(text, "latin1");
  if (length >= 0x7f + 0x80) throw new Error("a header is too long for the driver");
  const head = length < 0x7f ? [length] : [0x7f, length - 0x7f];
  return Buffer.concat([Buffer.from(head), Buffer.from(text, "latin1")]);
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + FIELD_BYTES;
}
