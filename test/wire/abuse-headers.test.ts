/** Headers by the ten thousand and by the megabyte: refused before anybody has read them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AbusedServer, ordinaryIfQuiet, startAbusedServer, whileServing } from "../support/abuse.ts";
import { eventually } from "../support/eventually.ts";
import { callFields, http2Attacker, wholeCall } from "../support/http2-attacker.ts";
import { CODE, type Field, FLAG, FRAME, frame, headerBlock } from "../support/http2-frames.ts";
import { rawConnection } from "../support/wire-raw.ts";

const MEGABYTE = 1024 * 1024;
const GROWN_MEGABYTES = 64;
const ATTEMPTS = 20;
/** Above every bound, and soon read. */
const ENOUGH_BYTES = 65_536;
/** What a frame may hold. */
const FRAME_BYTES = 16_384;

let server: AbusedServer;
beforeAll(async () => {
  server = await startAbusedServer();
});
afterAll(async () => {
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
});

/** Runs an attempt many times at once, and expects that others are served as soon as that is read. */
async function repeatedly(attempt: () => Promise<void>): Promise<void> {
  const { slowedBy, grownMegabytes } = await whileServing(server, () =>
    Promise.all(Array.from({ length: ATTEMPTS }, attempt)),
  );
  expect(slowedBy).toBeLessThan(ordinaryIfQuiet());
  expect(grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
}

const CALL = "POST /sallyport.auth.v1.AuthService/Authorize HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const CHUNKED = `${CALL}Transfer-Encoding: chunked\r\n\r\n`;
const tenThousand = <T>(make: (index: number) => T): T[] => Array.from({ length: 10_000 }, (_, index) => make(index));

test.each([
  ["ten thousand headers", `${CALL}${tenThousand((index) => `x-${index}: ${index}\r\n`).join("")}\r\n`, 431],
  ["a header of a megabyte", `${CALL}x-large: ${"x".repeat(MEGABYTE)}\r\n\r\n`, 431],
  ["a header name of a megabyte", `${CALL}${"x".repeat(MEGABYTE)}: 1\r\n\r\n`, 431],
  ["a path of a megabyte", `GET /${"x".repeat(MEGABYTE)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ["a method of a megabyte", `${"X".repeat(MEGABYTE)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
  ["a trailer of a megabyte", `${CHUNKED}2\r\n{}\r\n0\r\nx: ${"x".repeat(MEGABYTE)}\r\n\r\n`, 431],
  ["a chunk extension of a megabyte", `${CHUNKED}2;${"x".repeat(MEGABYTE)}\r\n{}\r\n0\r\n\r\n`, 413],
])("over HTTP/1.1 %s end the connection", async (_what, request, status) => {
  const { received, socket, closed } = await rawConnection(server.port);
  // No more than is needed: a server that closes with bytes unread takes its answer away.
  socket.write(request.slice(0, ENOUGH_BYTES));
  await eventually(() => received().toString("latin1", 0, 12)).toBe(`HTTP/1.1 ${status}`);
  await closed;
  await repeatedly(async () => {
    const attempt = await rawConnection(server.port);
    attempt.socket.write(request);
    await attempt.closed;
  });
});

test("over HTTP/1.1 as many headers as fit into the bound, of one letter each, are read, and the call is answered", async () => {
  const many = "x: 1\r\n".repeat(10_000);
  await repeatedly(async () => {
    const { socket, received } = await rawConnection(server.port);
    socket.write(`${CALL}${many}Content-Length: 2\r\n\r\n{}`);
    await eventually(() => received().toString()).toMatch(/^HTTP\/1\.1 200 .*\{"denied"/s);
    socket.destroy();
  });
});

/** A header block over as many frames as it needs. */
function overFrames(block: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += FRAME_BYTES) {
    const isLast = at + FRAME_BYTES >= block.length;
    const flags = isLast ? FLAG.END_HEADERS : 0;
    const payload = block.subarray(at, at + FRAME_BYTES);
    frames.push(frame(at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION, { flags, stream: 1, payload }));
  }
  return Buffer.concat(frames);
}

const field = (name: string, value: string): Field => [name, value];
const call = (fields: readonly Field[]) => overFrames(headerBlock([...callFields(), ...fields]));
/** Puts a field of 4,000 bytes into the client's part of the server's memory, then names it again and again. */
const bomb = (times: number) =>
  overFrames(
    Buffer.concat([
      headerBlock(callFields()),
      Buffer.of(0x40),
      headerBlock([field("x", "y".repeat(4_000))]).subarray(1),
      Buffer.alloc(times, 0x80 + 62),
    ]),
  );

test.each([
  ["a megabyte of headers", call(Array.from({ length: 70 }, (_, index) => field(`x-${index}`, "x".repeat(15_000))))],
  ["a header of a megabyte", call([field("x-large", "x".repeat(MEGABYTE))])],
])("over HTTP/2 %s end the session", async (_what, bytes) => {
  await repeatedly(async () => {
    const { socket, closed } = await http2Attacker(server.port);
    socket.write(bytes);
    await closed;
  });
});

test.each([
  ["ten thousand headers", call(tenThousand((index) => field(`x-${index}`, String(index))))],
  ["headers that unpack to forty megabytes", bomb(10_000)],
  ["cookies in crumbs", call(tenThousand(() => field("cookie", "a=b")).slice(0, 2_000))],
])("over HTTP/2 %s end the stream, and the session goes on", async (_what, bytes) => {
  await repeatedly(async () => {
    const { socket, frames, received } = await http2Attacker(server.port);
    socket.write(bytes);
    const reset = () =>
      frames()
        .find(({ type }) => type === FRAME.RST_STREAM)
        ?.payload.readUInt32BE(0);
    await eventually(reset).toBe(CODE.ENHANCE_YOUR_CALM);
    socket.write(wholeCall(3, "{}"));
    await eventually(() => received().includes('{"denied"')).toBe(true);
    socket.destroy();
  });
});
