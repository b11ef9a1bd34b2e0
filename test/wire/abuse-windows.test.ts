/** Clients that take their answers drop by drop, or not at all. */
import { describe, expect, onTestFinished, test } from "vitest";
import { BOUNDS } from "../../src/server/bounds.ts";
import { callFields, callHeaders, http2Attacker, streamIds, wholeCall } from "../support/http2-attacker.ts";
import { CODE, FRAME, frame, headerBlock, SETTING, SETTINGS_ACK, windowUpdate } from "../support/http2-frames.ts";
import { ask1, ask2, rawConnection } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const HTTP1_CALL = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
const json = { method: "POST", path: PATH, headers: { "content-type": "application/json" }, body: "{}" };
const grpc = { ...json, headers: { "content-type": "application/grpc" }, body: Buffer.alloc(5) };
const closedWindow = [[SETTING.INITIAL_WINDOW_SIZE, 0]] as const;
const byteWindow = [[SETTING.INITIAL_WINDOW_SIZE, 1]] as const;
const ping = frame(FRAME.PING, { payload: Buffer.alloc(8) });

/** Expects that others are served, over gRPC and in Connect JSON. */
async function expectOthersServed(port: number): Promise<void> {
  const answers = await Promise.all([ask2(port, grpc), ask1(port, json), ask2(port, json)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(answers[0]?.trailers["grpc-status"]).toBe("0");
}

test("a client that opens its window byte by byte gets its answer byte by byte", async () => {
  const { port } = await startWireServer({ answerLength: 300 });
  const attacker = await http2Attacker(port, { settings: byteWindow });
  attacker.socket.write(Buffer.concat([SETTINGS_ACK, wholeCall(1, "{}")]));
  const data = () => attacker.frames().filter(({ type }) => type === FRAME.DATA);
  const body = () => Buffer.concat(data().map(({ payload }) => payload)).toString();
  let bytes = 0;
  attacker.socket.on("data", () => {
    if (data().length === bytes) return;
    bytes = data().length;
    attacker.socket.write(windowUpdate(1, 1));
  });
  await until(() => body().endsWith("}}}"), "the last byte");
  expect(JSON.parse(body())).toMatchObject({ granted: { principal: { username: "x".repeat(300) } } });
  expect(Math.max(...data().map(({ payload }) => payload.length))).toBe(1);
  await expectOthersServed(port);
});

test("as many streams as there may be, each with a window of one byte, keep nobody else waiting", async () => {
  const { port, calls } = await startWireServer({ answerLength: 10_000 });
  const attacker = await http2Attacker(port, { settings: byteWindow });
  const streams = Array.from({ length: BOUNDS.concurrentStreams }, streamIds());
  attacker.socket.write(Buffer.concat(streams.map((stream) => wholeCall(stream, "{}"))));
  await until(() => calls.length === streams.length, "the calls");
  const drip = setInterval(() => {
    attacker.socket.write(Buffer.concat(streams.map((stream) => windowUpdate(stream, 1))));
  }, 1);
  onTestFinished(() => clearInterval(drip));
  for (let round = 0; round < 5; round += 1) await expectOthersServed(port);
  expect(attacker.socket.destroyed).toBe(false);
});

const LENGTHS = [
  ["that fits into the buffers", 10_000],
  ["that does not", 500_000],
] as const;

describe.each(LENGTHS)("an answer %s", (_size, answerLength) => {
  // Longer than anybody takes who does take an answer.
  const timeouts = { takeMs: 250 };

  test.each([
    ["never opens its window", closedWindow],
    ["opens its window byte by byte", byteWindow],
  ])("is dropped in the end if its client %s, however alive that is", async (_manner, settings) => {
    const { port, line } = await startWireServer({ answerLength, timeouts });
    const { socket, frames } = await http2Attacker(port, { settings });
    socket.write(wholeCall(1, "{}"));
    const drip = setInterval(() => socket.write(settings === byteWindow ? windowUpdate(1, 1) : ping), 10);
    onTestFinished(() => clearInterval(drip));
    const reset = () => frames().find(({ type, stream }) => type === FRAME.RST_STREAM && stream === 1);
    expect((await until(reset, "the reset")).payload.readUInt32BE(0)).toBe(CODE.CANCEL);
    await line({ event: "request" });
    await expectOthersServed(port);
    expect(socket.destroyed).toBe(false);
  });

  test("that an HTTP/1.1 client never reads, like those behind it, is dropped with the connection", async () => {
    const { port, calls } = await startWireServer({ answerLength, timeouts });
    const { socket, closed } = await rawConnection(port);
    socket.pause();
    // One after the other, until there is more than the system's own buffers hold.
    let sent = 0;
    const push = setInterval(() => {
      if (calls.length < sent) return;
      socket.write(HTTP1_CALL);
      sent += 1;
    });
    onTestFinished(() => clearInterval(push));
    // Who does not read learns of the end only by writing: an empty line, which means nothing.
    const probe = setInterval(() => socket.write("\r\n"), 20);
    onTestFinished(() => clearInterval(probe));
    await closed;
    expect(calls.length).toBeGreaterThan(0);
    await expectOthersServed(port);
  });
});

test.each([
  ["a page", callFields("/nothing/there")],
  ["a call", [...callFields(), ["connect-timeout-ms", "50"] as const]],
])(
  "what was refused early of %s is dropped in the end, if its client neither takes the answer nor ends",
  async (_what, fields) => {
    const { port, lines } = await startWireServer({ timeouts: { takeMs: 50, lingerMs: 10 } });
    const { socket } = await http2Attacker(port, { settings: closedWindow });
    socket.write(callHeaders(1, { block: headerBlock(fields) }));
    await until(() => lines.length === 1, "the end of the request");
    await expectOthersServed(port);
    expect(socket.destroyed).toBe(false);
  },
);

test("an HTTP/1.1 client that asks on and on, whatever was answered, is cut off", async () => {
  const { port, calls } = await startWireServer({ work: () => new Promise(() => {}) });
  const { socket, closed } = await rawConnection(port);
  socket.write(HTTP1_CALL.repeat(1000));
  await closed;
  expect(calls.length).toBeLessThanOrEqual(BOUNDS.requestsAhead);
  const { received, ...patient } = await rawConnection(port);
  patient.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".repeat(BOUNDS.requestsAhead));
  await until(() => received().toString().split('"alive"').length === BOUNDS.requestsAhead + 1, "every answer");
});

test("a stop does not wait for ever for a client that never takes its answer", async () => {
  const { port, server, calls, line } = await startWireServer({ timeouts: { shutdownMs: 100 } });
  const { socket, closed } = await http2Attacker(port, { settings: closedWindow });
  socket.write(wholeCall(1, "{}"));
  await until(() => calls.length === 1, "the call");
  await Promise.all([server.close(), closed]);
  expect(await line({ event: "work_cut_off" })).toMatchObject({ level: "warn" });
});
