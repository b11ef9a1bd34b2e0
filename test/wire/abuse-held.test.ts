/** Requests by the hundred that are begun and held on to: they cost what they sent, and others nothing. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { BOUNDS } from "../../src/server/bounds.ts";
import {
  type AbusedServer,
  atBest,
  ORDINARY,
  ordinaryIfQuiet,
  startAbusedServer,
  whileServing,
} from "../support/abuse.ts";
import { eventually } from "../support/eventually.ts";
import { callFields, callHeaders, streamIds, wholeCall } from "../support/http2-attacker.ts";
import { FRAME, frame, headerBlock, PREFACE, SETTING, settingsFrame, windowUpdate } from "../support/http2-frames.ts";
import { envelope } from "../support/wire-raw.ts";

/** All that the server's memory may grow by beyond what was sent, in megabytes, however many they are. */
const GROWN_MEGABYTES = 64;
/** Opened at once: no more than the system queues for a server that is busy. */
const BATCH = 100;
/** How long to look from the moment that the first is opened, in milliseconds: all of them are, and read, in a part of it. */
const OPENING_MS = 1_500;
/** For how long they are held, in milliseconds: for many answers; and how often each sends its next byte. */
const HELD_MS = 700;
const DRIP_MS = 250;

let server: AbusedServer;
beforeAll(async () => {
  server = await startAbusedServer();
});
afterAll(async () => {
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
});

/** How many connections there are, what each sends first, and then again and again. */
type Held = { readonly count: number; readonly first: Uint8Array; readonly next?: Uint8Array; readonly ends?: boolean };

/** A connection on which `first` was sent; `ends` closes that half, and the other stays open for as long as we can. */
function begin({ first, ends = false }: Held): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: server.port, allowHalfOpen: true }, () => resolve(socket));
    onTestFinished(() => void socket.destroy());
    socket.once("error", reject).on("error", () => {});
    // What comes back is read, and not kept.
    socket.resume();
    if (ends) socket.end(first);
    else socket.write(first);
  });
}

/** Begins them all, holds on to them, and expects that others are served and that the memory suffices. */
async function expectToHold(held: Held): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  const opening = await whileServing(
    server,
    async () => {
      while (sockets.length < held.count) {
        const size = Math.min(BATCH, held.count - sockets.length);
        sockets.push(...(await Promise.all(Array.from({ length: size }, () => begin(held)))));
      }
    },
    OPENING_MS,
  );
  const { next } = held;
  const drip = setInterval(() => {
    if (next) for (const socket of sockets) socket.write(next);
  }, DRIP_MS);
  onTestFinished(() => clearInterval(drip));
  // What drips has to be read, thousands of pieces a second; what is only held costs others nothing.
  const bound = next ? ordinaryIfQuiet() : ORDINARY;
  const look = () => whileServing(server, () => pause(HELD_MS));
  // Of connections that end by themselves little is left for a second look.
  const staying = held.ends ? await look() : await atBest(bound, look);
  expect(opening.slowedBy).toBeLessThan(ordinaryIfQuiet());
  expect(staying.slowedBy).toBeLessThan(bound);
  expect(opening.grownMegabytes + staying.grownMegabytes).toBeLessThan(
    GROWN_MEGABYTES + (held.count * held.first.length) / 2 ** 20,
  );
  return sockets;
}

const HEAD = "POST /sallyport.auth.v1.AuthService/Authorize HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const ANNOUNCED = 60_000;
/** The most that a server may have to keep of a call: all of its body but the end. */
const ALMOST_ALL = `{"accessToken":"${"x".repeat(ANNOUNCED - 1_000)}`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const space = Buffer.from(" ");

/** A client that has opened as many streams as it may, and done the same on each. */
function session(onEach: (stream: number) => Buffer, settings: Parameters<typeof settingsFrame>[0] = []): Buffer {
  const streams = Array.from({ length: BOUNDS.concurrentStreams }, streamIds());
  return Buffer.concat([PREFACE, settingsFrame(settings), ...streams.map(onEach)]);
}
const onEvery = (onEach: (stream: number) => Buffer) => session(onEach).subarray(session(() => Buffer.of()).length);
const dataOf = (stream: number, payload: Uint8Array) => frame(FRAME.DATA, { stream, payload });

const BODY = Buffer.from(`{"accessToken":"${"x".repeat(200)}`);
const grpcHeaders = (stream: number) =>
  callHeaders(stream, { block: headerBlock(callFields("/grpc.health.v1.Health/Watch", "application/grpc")) });
const message = envelope(Buffer.alloc(0), { length: ANNOUNCED });

test.each<readonly [string, Held]>([
  [
    "HTTP/1.1 bodies that are almost there",
    { count: 400, first: Buffer.from(`${HEAD}Content-Length: ${ANNOUNCED}\r\n\r\n${ALMOST_ALL}`), next: space },
  ],
  [
    "HTTP/1.1 bodies in chunks of a byte",
    {
      count: 300,
      first: Buffer.from(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk("{").repeat(2_000)}`),
      next: Buffer.from(chunk(" ")),
    },
  ],
  [
    "HTTP/1.1 headers that do not end",
    { count: 400, first: Buffer.from(`${HEAD}x: ${"x".repeat(30_000)}`), next: space },
  ],
  [
    "HTTP/2 bodies, on every stream of every session",
    {
      count: 10,
      first: session((stream) => Buffer.concat([callHeaders(stream), dataOf(stream, BODY)])),
      next: onEvery((stream) => dataOf(stream, space)),
    },
  ],
  [
    "HTTP/2 bodies of streams, on every stream of every session",
    {
      count: 2,
      first: session((stream) => Buffer.concat([grpcHeaders(stream), dataOf(stream, message)])),
      next: onEvery((stream) => dataOf(stream, space)),
    },
  ],
  [
    "answers in windows of one byte, on every stream of every session",
    {
      count: 10,
      first: session((stream) => wholeCall(stream, "{}"), [[SETTING.INITIAL_WINDOW_SIZE, 1]]),
      next: onEvery((stream) => windowUpdate(stream, 1)),
    },
  ],
  [
    "answers that no window lets through, on every stream of every session",
    { count: 10, first: session((stream) => wholeCall(stream, "{}"), [[SETTING.INITIAL_WINDOW_SIZE, 0]]) },
  ],
])("%s cost little more than they sent, and keep nobody waiting", async (_what, held) => {
  const sockets = await expectToHold(held);
  expect(sockets.filter((socket) => socket.destroyed || socket.readableEnded)).toEqual([]);
});

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
const http2 = (...frames: readonly Buffer[]) => Buffer.concat([PREFACE, settingsFrame(), ...frames]);

test.each<readonly [string, Uint8Array]>([
  ["before any byte", Buffer.of()],
  ["in the middle of an HTTP/1.1 body", Buffer.from(`${HEAD}Content-Length: ${ANNOUNCED}\r\n\r\n${ALMOST_ALL}`)],
  ["in the middle of HTTP/2 headers", http2(half(callHeaders(1)))],
  ["in the middle of an HTTP/2 body", http2(callHeaders(1), dataOf(1, BODY))],
])("sockets of which one half is closed %s are let go, and cost nobody else", async (_when, first) => {
  const sockets = await expectToHold({ count: 500, first, ends: true });
  await eventually(() => sockets.filter((socket) => !socket.readableEnded && !socket.destroyed).length).toBe(0);
});
