/** Requests that come in pieces: wherever they are split, they are answered as if they had come whole. */
import { setImmediate as breathe, setTimeout as pause } from "node:timers/promises";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { AuthorizeRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { atBest, ORDINARY, startAbusedServer, whileServing } from "../support/abuse.ts";
import { eventually } from "../support/eventually.ts";
import { callFields, callHeaders } from "../support/http2-attacker.ts";
import {
  FLAG,
  FRAME,
  frame,
  headerBlock,
  PREFACE,
  readFrames,
  SETTINGS_ACK,
  settingsFrame,
} from "../support/http2-frames.ts";
import { envelope, rawConnection } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const AUDIENCE = "orders";
/** Connections at once; each waits between its two pieces. */
const AT_ONCE = 40;

const request = create(AuthorizeRequestSchema, { audience: AUDIENCE, anyRole: ["admin"] });
const json = Buffer.from(toJsonString(AuthorizeRequestSchema, request));
const binary = Buffer.from(toBinary(AuthorizeRequestSchema, request));

type Form = {
  readonly bytes: Buffer;
  /** What tells of an answer, once it is there whole; `null` before. What changes with every answer is left out. */
  readonly answer: (received: Buffer) => Told | null;
};

type Told = { readonly status: string | undefined; readonly body: string | undefined; readonly trailers?: string };

function http1(contentType: string, body: Uint8Array): Form {
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n`;
  return { bytes: Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`), body]), answer: http1Answer };
}

function http1Chunked(contentType: string, body: Buffer): Form {
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n`;
  const half = body.length >> 1;
  const chunks = [body.subarray(0, half), body.subarray(half), body.subarray(0, 0)].flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from("\r\n"),
  ]);
  return { bytes: Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`), ...chunks]), answer: http1Answer };
}

function http1Answer(received: Buffer): Told | null {
  const text = received.toString("latin1");
  const [, status, headers = "", body] = /^HTTP\/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
  const isWhole = /chunked/i.test(headers) ? body?.endsWith("0\r\n\r\n") : body?.length === lengthIn(headers);
  return isWhole ? { status, body } : null;
}

const lengthIn = (headers: string) => Number(/content-length: *(\d+)/i.exec(headers)?.[1]);

function http2(contentType: string, body: Buffer): Form {
  const half = body.length >> 1;
  const block = headerBlock(callFields(PATH, contentType));
  const cut = block.length >> 1;
  const bytes = Buffer.concat([
    PREFACE,
    settingsFrame(),
    SETTINGS_ACK,
    callHeaders(1, { flags: 0, block: block.subarray(0, cut) }),
    frame(FRAME.CONTINUATION, { stream: 1, flags: FLAG.END_HEADERS, payload: block.subarray(cut) }),
    frame(FRAME.DATA, { stream: 1, payload: body.subarray(0, half) }),
    frame(FRAME.DATA, { stream: 1, flags: FLAG.END_STREAM, payload: body.subarray(half) }),
  ]);
  return { bytes, answer: http2Answer };
}

/** `:status: 200` (RFC 7541 appendix A). */
const INDEXED_200 = 0x88;

/** The status, the body and the trailers; the other headers hold an id that is new each time. */
function http2Answer(received: Buffer): Told | null {
  const frames = readFrames(received).filter(({ stream }) => stream === 1);
  const isWhole = frames.some(({ type, flags }) => type <= FRAME.HEADERS && (flags & FLAG.END_STREAM) !== 0);
  if (!isWhole) return null;
  const [headers, ...trailers] = frames.filter(({ type }) => type === FRAME.HEADERS).map(({ payload }) => payload);
  const body = Buffer.concat(frames.filter(({ type }) => type === FRAME.DATA).map(({ payload }) => payload));
  return {
    status: headers?.[0] === INDEXED_200 ? "200" : "another",
    body: body.toString("latin1"),
    trailers: Buffer.concat(trailers).toString("latin1"),
  };
}

const FORMS: readonly (readonly [string, Form])[] = [
  ["Connect JSON over HTTP/1.1", http1("application/json", json)],
  ["Connect JSON in chunks", http1Chunked("application/json", json)],
  ["Connect binary over HTTP/1.1", http1("application/proto", binary)],
  ["gRPC-Web over HTTP/1.1", http1("application/grpc-web+proto", envelope(binary))],
  ["Connect JSON over HTTP/2", http2("application/json", json)],
  ["Connect binary over HTTP/2", http2("application/proto", binary)],
  ["gRPC over HTTP/2", http2("application/grpc", envelope(binary))],
  ["gRPC-Web over HTTP/2", http2("application/grpc-web+proto", envelope(binary))],
];

describe.each(FORMS)("%s", (_form, { bytes, answer }) => {
  /** What is answered to pieces that are sent one after the other. */
  async function answerTo(port: number, pieces: readonly Uint8Array[], between: () => Promise<unknown>) {
    const { socket, received } = await rawConnection(port);
    for (const piece of pieces) {
      socket.write(piece);
      await between();
    }
    const given = await until(() => answer(received()), "the answer");
    socket.destroy();
    return given;
  }

  /** What is answered to the same bytes in one piece. */
  async function start() {
    const { port, calls } = await startWireServer();
    const whole = await answerTo(port, [bytes], breathe);
    expect(whole).toMatchObject({ status: "200", body: expect.stringContaining(AUDIENCE) });
    expect(calls).toMatchObject([{ message: { audience: AUDIENCE, anyRole: ["admin"] } }]);
    return { port, calls, whole };
  }

  test("is answered wherever it is split in two", async () => {
    const { port, calls, whole } = await start();
    const positions = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1);
    const answers: Told[] = [];
    async function work(): Promise<void> {
      for (let at = positions.pop(); at !== undefined; at = positions.pop()) {
        answers.push(await answerTo(port, [bytes.subarray(0, at), bytes.subarray(at)], () => pause(2)));
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(answers).toEqual(Array.from({ length: bytes.length - 1 }, () => whole));
    expect(calls).toHaveLength(bytes.length);
    expect(new Set(calls.map(({ message }) => message.audience))).toEqual(new Set([AUDIENCE]));
  });

  test("is answered if it comes byte by byte", async () => {
    const { port, calls, whole } = await start();
    const pieces = Array.from(bytes, (byte) => Buffer.of(byte));
    expect(await answerTo(port, pieces, breathe)).toEqual(whole);
    expect(calls).toHaveLength(2);
  });
});

/** Opened at once: no more than the system queues for a server that is busy. */
const BATCH = 200;
const GROWN_MEGABYTES = 64;
/** For how long they are held, in milliseconds: for many answers. */
const HELD_MS = 700;

test("requests by the thousand that have come by a part, one for every place where any may be split, keep nobody waiting", async () => {
  const server = await startAbusedServer();
  const parts = FORMS.flatMap(([, { bytes, answer }]) =>
    Array.from({ length: bytes.length - 1 }, (_, index) => ({ bytes, at: index + 1, answer })),
  );
  const begun: { readonly rest: () => void; readonly status: () => string | undefined }[] = [];
  const opening = await whileServing(server, async () => {
    while (begun.length < parts.length) {
      const batch = parts.slice(begun.length, begun.length + BATCH).map(async ({ bytes, at, answer }) => {
        const { socket, received } = await rawConnection(server.port);
        socket.write(bytes.subarray(0, at));
        return { rest: () => socket.write(bytes.subarray(at)), status: () => answer(received())?.status };
      });
      begun.push(...(await Promise.all(batch)));
    }
  });
  const staying = await atBest(ORDINARY, () => whileServing(server, () => pause(HELD_MS)));
  for (const { rest } of begun) rest();
  await eventually(() => begun.filter(({ status }) => status() !== "200").length).toBe(0);
  expect(staying.slowedBy).toBeLessThan(ORDINARY);
  expect(opening.grownMegabytes + staying.grownMegabytes).toBeLessThan(GROWN_MEGABYTES);
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
});
