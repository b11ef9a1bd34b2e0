/** Answers over HTTP/2, and the writes that they leave the server in. */
import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { callFields, http2Attacker, streamIds, wholeCall } from "../support/http2-attacker.ts";
import {
  FLAG,
  FRAME,
  type Frame,
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

  it("of gRPC that is taken in drops comes whole, its trailers last", async () => {
    const { port } = await startWireServer({ answerLength: 300 });
    await ask2(port, grpc);
    const { body: whole } = await ask2(port, grpc);
    const { socket, frames } = await http2Attacker(port, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
    const streams = Array.from({ length: 20 }, streamIds());
    socket.write(Buffer.concat(streams.map(grpcCall)));
    const of = (stream: number) => frames().filter((frame) => frame.stream === stream);
    await until(() => streams.every((stream) => of(stream).length === 1), "the headers");
    const drops = streams.flatMap((stream) =>
      Array.from({ length: 40 }, () => windowUpdate(stream, randomInt(10, 30))),
    );
    for (const drop of drops.toSorted(() => randomInt(3) - 1)) socket.write(drop);
    await until(() => frames().filter(isEnd).length === streams.length, "the ends");
    for (const stream of streams) {
      const [headers, ...rest] = of(stream);
      const trailers = rest.pop();
      expect(headers?.type).toBe(FRAME.HEADERS);
      expect(rest.every(({ type }) => type === FRAME.DATA)).toBe(true);
      expect(Buffer.concat(rest.map(({ payload }) => payload))).toEqual(whole);
      expect(trailers).toMatchObject({ type: FRAME.HEADERS, flags: FLAG.END_STREAM | FLAG.END_HEADERS });
    }
  });

  it("that its client gives up, at whatever moment, does no harm to the others of its session", async () => {
    const { port, calls } = await startWireServer({ answerLength: 300 });
    await ask2(port, grpc);
    const { socket, frames } = await http2Attacker(port, { settings: [[SETTING.INITIAL_WINDOW_SIZE, 0]] });
    const nextStream = streamIds();
    for (let round = 0; round < 50; round += 1) {
      const given = nextStream();
      const taken = nextStream();
      const parts = [grpcCall(given), windowUpdate(given, 100), grpcCall(taken), windowUpdate(taken, 10_000)];
      const at = randomInt(1, parts.length + 1);
      socket.write(Buffer.concat([...parts.slice(0, at), resetFrame(given), ...parts.slice(at)]));
      await until(() => frames().some((frame) => frame.stream === taken && isEnd(frame)), "the other answer");
    }
    expect(calls.length).toBeGreaterThanOrEqual(51);
    expect(frames().some(({ type }) => type === FRAME.GOAWAY)).toBe(false);
    expect((await ask2(port, grpc)).trailers["grpc-status"]).toBe("0");
  });
});
