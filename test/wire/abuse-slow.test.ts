/** Requests that hardly come on, and connections of which only one half is left. */
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { callFields, callHeaders, http2Attacker, wholeCall } from "../support/http2-attacker.ts";
import { FRAME, frame, headerBlock, PREFACE, SETTING, settingsFrame } from "../support/http2-frames.ts";
import { ask1, ask2, envelope, rawConnection } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const HEAD = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
const json = { method: "POST", path: PATH, headers: { "content-type": "application/json" }, body: "{}" };
const grpc = { ...json, headers: { "content-type": "application/grpc" }, body: Buffer.alloc(5) };

async function expectOthersServed(port: number): Promise<void> {
  const answers = await Promise.all([ask2(port, grpc), ask1(port, json)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[0]?.trailers["grpc-status"]).toBe("0");
}

/** Sends the same again and again, until the test is over. */
function drip(socket: { readonly write: (bytes: Uint8Array | string) => unknown }, bytes: Uint8Array | string): void {
  const timer = setInterval(() => socket.write(bytes), 10);
  onTestFinished(() => clearInterval(timer));
}

/** The prefix of a message of 16 KiB. */
const PREFIX_CHUNK = "5\r\n\0\0\0@\0\r\n";

test.each([
  ["whose length is told", `${HEAD}Content-Length: 60000\r\n\r\n{`, " "],
  ["in chunks", `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`, "1\r\n \r\n"],
  [
    "in chunks, to a stream",
    `${HEAD.replace(PATH, "/grpc.health.v1.Health/Watch").replace("json", "connect+json")}Transfer-Encoding: chunked\r\n\r\n${PREFIX_CHUNK}`,
    "1\r\n \r\n",
  ],
  ["to a page that takes none", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"],
])("an HTTP/1.1 body %s that comes byte by byte ends with the connection", async (_how, head, next) => {
  const { port, calls } = await startWireServer({
    timeouts: { requestMs: 100, headersMs: 100, checkMs: 10, lingerMs: 100 },
  });
  const { socket, closed } = await rawConnection(port);
  socket.write(head);
  drip(socket, next);
  await expectOthersServed(port);
  await closed;
  expect(calls).toHaveLength(2);
});

test.each([
  ["of a call, whose deadline passes", callFields(PATH), [["connect-timeout-ms", "100"]]],
  ["of a stream, which has no deadline", callFields("/grpc.health.v1.Health/Watch", "application/grpc"), []],
  ["that nobody wants", callFields("/nothing/there"), []],
] as const)("an HTTP/2 body %s ends with the stream if it comes byte by byte", async (_what, fields, more) => {
  const { port, calls } = await startWireServer({ timeouts: { headersMs: 100, requestMs: 100, lingerMs: 100 } });
  const { socket, frames } = await http2Attacker(port);
  const prefix = frame(FRAME.DATA, { stream: 1, payload: envelope(Buffer.alloc(0), { length: 60_000 }) });
  socket.write(Buffer.concat([callHeaders(1, { block: headerBlock([...fields, ...more]) }), prefix]));
  drip(socket, frame(FRAME.DATA, { stream: 1, payload: Buffer.from(" ") }));
  await expectOthersServed(port);
  const isReset = () => frames().some(({ type, stream }) => type === FRAME.RST_STREAM && stream === 1);
  expect(await until(isReset, "the end of the stream")).toBe(true);
  expect(socket.destroyed).toBe(false);
  expect(calls).toHaveLength(2);
});

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
const preface = Buffer.concat([PREFACE, settingsFrame()]);
const closedWindow = Buffer.concat([PREFACE, settingsFrame([[SETTING.INITIAL_WINDOW_SIZE, 0]])]);
const call1 = Buffer.from(`${HEAD}Content-Length: 2\r\n\r\n{}`);

test.each([
  ["in the middle of HTTP/1.1 headers", half(Buffer.from(HEAD))],
  ["in the middle of an HTTP/1.1 body", call1.subarray(0, -1)],
  ["in the middle of a chunk", Buffer.from(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{`)],
  ["after an HTTP/1.1 request", call1],
  ["after requests that wait for each other", Buffer.concat([call1, call1, call1])],
  ["in the middle of HTTP/2 settings", preface.subarray(0, -2)],
  ["in the middle of HTTP/2 headers", Buffer.concat([preface, half(callHeaders(1))])],
  ["between HEADERS and CONTINUATION", Buffer.concat([preface, callHeaders(1, { flags: 0 })])],
  ["in the middle of an HTTP/2 body", Buffer.concat([preface, callHeaders(1)])],
  ["after an HTTP/2 request", Buffer.concat([preface, wholeCall(1, "{}")])],
  ["before it lets any answer through", Buffer.concat([closedWindow, wholeCall(1, "{}")])],
])("a client that closes its half %s, and nothing more, is let go", async (_when, bytes) => {
  const { port, calls } = await startWireServer({ work: () => new Promise((resolve) => setTimeout(resolve, 20)) });
  // Never closes the other half by itself.
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  const ended = new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
  socket.resume();
  socket.end(bytes);
  await ended;
  await until(() => calls.every(({ call }) => call.outcome.code !== null), "the end of every call");
  await expectOthersServed(port);
});

test("a client that keeps its half open after the server has closed is let go all the same", async () => {
  const { port, server } = await startWireServer({ timeouts: { idleMs: 50 } });
  for (const bytes of [Buffer.from("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), preface]) {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {}).resume();
    socket.write(bytes);
    await new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
  }
  await server.close();
  await expect(ask1(port, { path: "/healthz" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("a client that says GOAWAY still gets the answer that it waits for, and is then let go", async () => {
  let finish = () => {};
  const { port, calls } = await startWireServer({ work: () => new Promise((resolve) => (finish = resolve)) });
  const { socket, frames, closed } = await http2Attacker(port);
  const goaway = frame(FRAME.GOAWAY, { payload: Buffer.alloc(8) });
  socket.write(Buffer.concat([wholeCall(1, "{}"), goaway]));
  await until(() => calls.length === 1, "the call");
  finish();
  await closed;
  expect(frames().some(({ type, payload }) => type === FRAME.DATA && payload.includes('{"granted"'))).toBe(true);
});
