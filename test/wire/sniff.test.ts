/** The first bytes of a connection: HTTP/1 is told from HTTP/2, and whatever is neither is let go. */
import { expect, test } from "vitest";
import { ask1, rawConnection, session2 } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const SETTINGS = 4;
const soon = () => new Promise((resolve) => setTimeout(resolve, 1));

test("a preface that arrives byte by byte is HTTP/2", async () => {
  const { port } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  for (const byte of Buffer.concat([PREFACE, EMPTY_SETTINGS])) {
    socket.write(Buffer.from([byte]));
    await soon();
  }
  await until(() => received().length >= 9, "a frame");
  expect(received()[3]).toBe(SETTINGS);
});

test("a preface together with the first request is HTTP/2", async () => {
  const { port } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  // GET http /healthz at authority "a" (RFC 7541).
  const path = Buffer.concat([
    Buffer.from([0x04, 8]),
    Buffer.from("/healthz"),
    Buffer.from([0x01, 1]),
    Buffer.from("a"),
  ]);
  const block = Buffer.concat([Buffer.from([0x82, 0x86]), path]);
  const headers = Buffer.concat([Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 1]), block]);
  socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS, headers]));
  await until(() => received().includes('{"status":"alive"}'), "the answer");
});

test("an HTTP/1.1 request that arrives byte by byte is answered", async () => {
  const { port } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  for (const byte of Buffer.from("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")) {
    socket.write(Buffer.from([byte]));
    await soon();
  }
  await until(() => received().includes('{"status":"alive"}'), "the answer");
  expect(received().toString()).toMatch(/^HTTP\/1\.1 200 /);
});

test("a method that begins like the preface is HTTP/1", async () => {
  const { port } = await startWireServer();
  const { socket, received, closed } = await rawConnection(port);
  socket.write("PR");
  await soon();
  socket.write("OPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 405 /);
});

test("requests in one packet are answered in order", async () => {
  const { port } = await startWireServer();
  const { socket, received, closed } = await rawConnection(port);
  const asked = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  socket.write(asked("/healthz") + asked("/readyz") + asked("/nothing", "Connection: close\r\n"));
  await closed;
  const text = received().toString();
  expect(text.match(/HTTP\/1\.1 (\d+)/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404"]);
  expect(text.indexOf("alive")).toBeLessThan(text.indexOf("ready"));
});

test("a large body right behind the first bytes arrives whole", async () => {
  const { port, calls } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  const body = JSON.stringify({ audience: "x".repeat(60_000) });
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  await until(() => calls.length === 1, "the call");
  expect(calls[0]?.message.audience).toHaveLength(60_000);
  await until(() => received().length > 60_000, "the answer");
});

test("a connection stays open for the next request, whether the last one had a body or not", async () => {
  const { port } = await startWireServer({ timeouts: { lingerMs: 10 } });
  const { socket, received } = await rawConnection(port);
  const requests = [
    "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
  ];
  for (const [index, request] of requests.entries()) {
    socket.write(request);
    await until(() => received().toString().split("HTTP/1.1 ").length === index + 2, `answer ${index + 1}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(
    received()
      .toString()
      .match(/HTTP\/1\.1 \d+/g),
  ).toHaveLength(requests.length);
  expect(socket.destroyed).toBe(false);
});

test("a client that ends its session is let go, with what it has open", async () => {
  const { port, calls } = await startWireServer({ work: () => new Promise(() => {}) });
  const session = session2(port);
  const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/json" });
  stream.on("error", () => {});
  stream.end("{}");
  await until(() => calls.length === 1, "the call");
  session.destroy();
  expect(await until(() => calls[0]?.signal.aborted, "the signal")).toBe(true);
});

test("a session whose client sends its last byte is closed", async () => {
  const { port } = await startWireServer();
  const { socket, received, closed } = await rawConnection(port);
  socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS]));
  await until(() => received().length >= 9, "a frame");
  socket.end();
  await closed;
  expect(socket.destroyed).toBe(true);
});

test.each([
  ["garbage", Buffer.from("\u0000\u0001\u0002 nothing at all\r\n\r\n")],
  ["a TLS hello", Buffer.from("16030100a5010000a10303", "hex")],
  ["a bad HTTP/1 header", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nbad header\u0000: x\r\n\r\n")],
  [
    "two ways to tell the length",
    Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
  ],
])("%s is answered with 400 and the connection closed", async (_what, bytes) => {
  const { port } = await startWireServer();
  const { socket, received, closed } = await rawConnection(port);
  socket.write(bytes);
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 400 /);
});

test("garbage behind the preface ends the session", async () => {
  const { port } = await startWireServer();
  const { socket, closed } = await rawConnection(port);
  socket.write(Buffer.concat([PREFACE, Buffer.from("this is not a frame, whatever it is")]));
  await closed;
  expect((await ask1(port, { path: "/healthz" })).status).toBe(200);
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["half a preface", PREFACE.subarray(0, 12)],
])("a connection that sends %s, and then nothing more, is closed", async (_what, bytes) => {
  const { port } = await startWireServer({ timeouts: { prefaceMs: 50 } });
  const { socket, received, closed } = await rawConnection(port);
  if (bytes.length > 0) socket.write(bytes);
  await closed;
  expect(received()).toHaveLength(0);
});

test("a connection that ends before it has said what it speaks is closed", async () => {
  const { port } = await startWireServer();
  const { socket, closed } = await rawConnection(port);
  socket.end(PREFACE.subarray(0, 5));
  await closed;
  expect(socket.destroyed).toBe(true);
});
