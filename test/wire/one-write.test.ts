/** Answers over HTTP/2, and the writes that they leave the server in. */
import type { Socket } from "node:net";
import { setImmediate as breathe } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { callFields, callHeaders, http2Attacker, streamIds, wholeCall } from "../support/http2-attacker.ts";
import {
  CODE,
  FLAG,
  FRAME,
  type Frame,
  frame,
  headerBlock,
  readFrames,
  resetFrame,
  SETTING,
  windowUpdate,
} from "../support/http2-frames.ts";
import { ask2, envelope } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const GRPC = headerBlock(callFields(PATH, "application/grpc"));
const emptyMessage = (stream: number) =>
  frame(FRAME.DATA, { flags: FLAG.END_STREAM, stream, payload: envelope(Buffer.alloc(0)) });
const grpcCall = (stream: number) => wholeCall(stream, envelope(Buffer.alloc(0)), GRPC);
const grpc = { method: "POST", path: PATH, headers: { "content-type": "application/grpc" }, body: Buffer.alloc(5) };

const isEnd = ({ type, flags }: Frame) => type <= FRAME.HEADERS && (flags & FLAG.END_STREAM) !== 0;

describe("An answer", () => {
  it.each([
    ["gRPC", GRPC, envelope(Buffer.alloc(0)), [FRAME.HEADERS, FRAME.DATA, FRAME.HEADERS]],
    ["Connect", headerBlock(callFields()), "{}", [FRAME.HEADERS, FRAME.DATA]],
  ])("of %s leaves in one write", async (_protocol, block, body, expected) => {
    const { port } = await startWireServer();
    // Node shows once how it sends trailers.
    await ask2(port, grpc);
    const { socket, frames } = await http2Attacker(port);
    await until(() => frames().some(({ type }) => type === FRAME.SETTINGS), "the settings");
    const pieces: Buffer[] = [];
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    const nextStream = streamIds();
    for (let calls = 1; calls <= 50; calls += 1) {
      const stream = nextStream();
      socket.write(wholeCall(stream, body, block));
      await until(() => frames().some((frame) => frame.stream === stream && isEnd(frame)), "the answer");
    }
    const answers = pieces
      .map((piece) => readFrames(piece).filter(({ stream }) => stream !== 0))
      .filter((piece) => piece.length > 0)
      .map((piece) => piece.map(({ type }) => type));
    expect(answers).toEqual(Array.from({ length: 50 }, () => expected));
  });

  it.each([5, 300])("of gRPC that is taken in drops of %i bytes comes whole, its trailers last", async (drop) => {
    const { port } = await startWireServer({ answerLength: 300 });
    await ask2(port, grpc);
    const { body: whole } = await ask2(port, grpc);
    const { socket, frames } = await http2Attacker(port, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
    const streams = Array.from({ length: 5 }, streamIds());
    socket.write(Buffer.concat(streams.map(grpcCall)));
    const of = (stream: number) => frames().filter((frame) => frame.stream === stream);
    await until(() => streams.every((stream) => of(stream).length === 1), "the headers");
    for (let taken = 0; taken < whole.length; taken += drop) {
      const before = frames().length;
      socket.write(Buffer.concat(streams.map((stream) => windowUpdate(stream, drop))));
      await until(() => frames().length >= before + streams.length, "the drops");
    }
    await until(() => frames().filter(isEnd).length === streams.length, "the ends");
    for (const stream of streams) {
      const [headers, ...rest] = of(stream);
      const trailers = rest.pop();
      expect(headers?.type).toBe(FRAME.HEADERS);
      expect(rest.map(({ type }) => type)).toEqual(rest.map(() => FRAME.DATA));
      expect(rest.filter(({ payload }) => payload.length > 0)).toHaveLength(Math.ceil(whole.length / drop));
      expect(Buffer.concat(rest.map(({ payload }) => payload))).toEqual(whole);
      expect(trailers).toMatchObject({ type: FRAME.HEADERS, flags: FLAG.END_STREAM | FLAG.END_HEADERS });
    }
  });

  it("of Connect to a request without a body waits for its window, and comes whole", async () => {
    const { port } = await startWireServer();
    const { socket, frames } = await http2Attacker(port, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
    const block = headerBlock(callFields(PATH, "application/proto"));
    socket.write(callHeaders(1, { flags: FLAG.END_HEADERS | FLAG.END_STREAM, block }));
    await until(() => frames().some(({ stream }) => stream === 1), "the headers");
    for (let turn = 0; turn < 10; turn += 1) await breathe();
    socket.write(windowUpdate(1, 10_000));
    await until(() => frames().some((frame) => frame.stream === 1 && isEnd(frame)), "the end");
    const data = frames().filter(({ type, stream }) => type === FRAME.DATA && stream === 1);
    expect(Buffer.concat(data.map(({ payload }) => payload)).length).toBeGreaterThan(0);
    expect(frames().some(({ type }) => type === FRAME.RST_STREAM || type === FRAME.GOAWAY)).toBe(false);
  });

  it.each([0, 1, 2, 3])(
    "that its client gives up after step %i of its call does no harm to the others of its session",
    async (step) => {
      const { port, calls } = await startWireServer({ answerLength: 300 });
      await ask2(port, grpc);
      const { socket, frames } = await http2Attacker(port, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
      const nextStream = streamIds();
      const ROUNDS = 20;
      for (let round = 0; round < ROUNDS; round += 1) {
        const given = nextStream();
        const steps = [callHeaders(given, { block: GRPC }), emptyMessage(given), windowUpdate(given, 100)];
        const code = round % 2 === 0 ? CODE.CANCEL : CODE.ENHANCE_YOUR_CALM;
        // A reset comes with the step before it, or after that was answered.
        if (step === 3) await writeInTurns(socket, [...steps, resetFrame(given, code)]);
        else
          await writeInTurns(socket, [
            ...steps.slice(0, step),
            Buffer.concat([...steps.slice(step, step + 1), resetFrame(given, code)]),
          ]);
        const taken = nextStream();
        socket.write(Buffer.concat([grpcCall(taken), windowUpdate(taken, 10_000)]));
        await until(() => frames().some((frame) => frame.stream === taken && isEnd(frame)), "the other answer");
      }
      // One was asked before. What was given up before its body was there was never asked.
      expect(calls.length).toBe(1 + ROUNDS + (step >= 1 ? ROUNDS : 0));
      expect(frames().some(({ type }) => type === FRAME.GOAWAY)).toBe(false);
      expect((await ask2(port, grpc)).trailers["grpc-status"]).toBe("0");
    },
  );
});

it("Calls that are given up in the piece that brings them are never begun", async () => {
  const { port, calls } = await startWireServer();
  const { socket, frames } = await http2Attacker(port);
  const nextStream = streamIds();
  const given = Array.from({ length: 100 }, nextStream).flatMap((stream) => [grpcCall(stream), resetFrame(stream)]);
  const taken = nextStream();
  socket.write(Buffer.concat([...given, grpcCall(taken)]));
  await until(() => frames().some((frame) => frame.stream === taken && isEnd(frame)), "the answer");
  expect(calls.length).toBe(1);
});

/** Writes each when the server has done all that the one before asked of it. */
async function writeInTurns(socket: Socket, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    socket.write(part);
    for (let turn = 0; turn < 10; turn += 1) await breathe();
  }
}
