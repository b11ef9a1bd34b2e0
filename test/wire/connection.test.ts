/** Connections and sessions: bounded in size and time, never left hanging. */
import { connect as http2Connect } from "node:http2";
import { connect, createServer as createNetServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { BOUNDS } from "../../src/server/bounds.ts";
import { http2Attacker } from "../support/http2-attacker.ts";
import { FRAME, frame } from "../support/http2-frames.ts";
import { ask1, ask2, rawConnection, session2, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const soon = () => new Promise((resolve) => setTimeout(resolve, 1));

test("headers that never end are answered with 408", async () => {
  const { port } = await startWireServer({ timeouts: { headersMs: 50, requestMs: 50, checkMs: 10 } });
  const { socket, received, closed } = await rawConnection(port);
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  const drip = setInterval(() => socket.write("x"), 10);
  onTestFinished(() => clearInterval(drip));
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 408 /);
});

test("a connection on which nothing more is asked is closed, in either version", async () => {
  const { port } = await startWireServer({ timeouts: { idleMs: 50 } });
  const one = await rawConnection(port);
  one.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await one.closed;
  expect(one.received().toString()).toMatch(/^HTTP\/1\.1 200 /);
  const two = session2(port);
  const closed = new Promise((resolve) => two.once("close", resolve));
  expect((await ask2(port, { path: "/healthz" }, two)).status).toBe(200);
  await closed;
});

test("a session on which its client only sends PINGs is idle, and closed", async () => {
  const { port } = await startWireServer({ timeouts: { idleMs: 80 } });
  const { socket, closed, frames } = await http2Attacker(port);
  const ping = setInterval(() => socket.write(frame(FRAME.PING, { payload: Buffer.alloc(8) })), 5);
  onTestFinished(() => clearInterval(ping));
  await closed;
  expect(frames().some(({ type }) => type === FRAME.PING)).toBe(true);
});

test("a session with a request under way is not idle", async () => {
  let finish = () => {};
  const { port, calls } = await startWireServer({
    timeouts: { idleMs: 30 },
    work: () => new Promise((resolve) => (finish = resolve)),
  });
  const headers = { "content-type": "application/json" };
  const answer = ask2(port, { method: "POST", path: PATH, headers, body: "{}" });
  await until(() => calls.length === 1, "the call");
  await new Promise((resolve) => setTimeout(resolve, 150));
  finish();
  expect((await answer).status).toBe(200);
});

test("a session whose client does not take its answer is closed", async () => {
  const { port, line } = await startWireServer({ timeouts: { idleMs: 50 } });
  const session = http2Connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  const closed = new Promise((resolve) => session.once("close", resolve));
  const stream = session.request({ ":path": "/" });
  stream.on("error", () => {});
  await closed;
  expect(await line({ event: "http" })).toMatchObject({ path: "/" });
});

test("a large answer that its client has not taken by the deadline is dropped", async () => {
  const { port, calls, line } = await startWireServer({ answerLength: 500_000 });
  const session = http2Connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  const headers = { "content-type": "application/json", "connect-timeout-ms": "1000" };
  const stream = session.request({ ":method": "POST", ":path": PATH, ...headers });
  const error = new Promise((resolve) => stream.on("close", () => resolve(stream.rstCode)));
  stream.on("error", () => {});
  stream.end("{}");
  await until(() => calls.length === 1, "the call");
  expect(await line({ event: "request" })).toMatchObject({ code: "OK" });
  expect(await error).not.toBe(0);
});

test("a client that would rather upgrade to HTTP/2 is answered over HTTP/1.1", async () => {
  const { port } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  const upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
  socket.write(`GET /healthz HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`);
  await until(() => received().includes("alive"), "the answer");
  expect(received().toString()).toMatch(/^HTTP\/1\.1 200 /);
});

test("CONNECT is not for us: the connection is closed", async () => {
  const { port } = await startWireServer();
  const { socket, closed } = await rawConnection(port);
  socket.write("CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  await closed;
  expect(socket.destroyed).toBe(true);
});

test.each(VERSIONS)("over %s a token of 8 KiB fits into the headers", async (_version, ask) => {
  const { port, calls } = await startWireServer();
  const authorization = `Bearer ${"x".repeat(8192)}`;
  const headers = { "content-type": "application/json", authorization };
  expect((await ask(port, { method: "POST", path: PATH, headers, body: "{}" })).status).toBe(200);
  expect(calls[0]?.call.authorization).toEqual([authorization]);
});

test("HTTP/1 headers above the bound are 431", async () => {
  const { port } = await startWireServer();
  const answer = await ask1(port, { path: "/", headers: { "x-large": "x".repeat(BOUNDS.headerBytes) } });
  expect(answer.status).toBe(431);
});

test("HTTP/2 headers above the bound, in size or number, never reach anybody", async () => {
  const { port, lines } = await startWireServer();
  const large = { "x-large": "x".repeat(BOUNDS.headerBytes) };
  const many = Object.fromEntries(Array.from({ length: BOUNDS.headerFields }, (_, index) => [`x-${index}`, "1"]));
  const session = session2(port);
  // By the time of an answer the client has agreed to the server's settings, and they hold.
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
  for (const headers of [large, many]) {
    await expect(ask2(port, { path: "/", headers }, session)).rejects.toThrow("Stream closed with error code");
  }
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
  expect(lines.map(({ path }) => path)).toEqual(["/healthz", "/healthz"]);
});

test("an HTTP/2 client is told how many streams it may open, and how large headers may be", async () => {
  const { port } = await startWireServer();
  const session = session2(port);
  const settings = await new Promise((resolve) => session.once("remoteSettings", resolve));
  expect(settings).toMatchObject({
    maxConcurrentStreams: BOUNDS.concurrentStreams,
    maxHeaderListSize: BOUNDS.headerBytes,
  });
});

test("a client that opens streams only to reset them loses its session, and nobody else does", async () => {
  const { port } = await startWireServer();
  const session = http2Connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  const headers = { ":method": "POST", ":path": PATH, "content-type": "application/grpc" };
  let opened = 0;
  while (!session.destroyed && !session.closed && opened < 20_000) {
    const stream = session.request(headers);
    stream.on("error", () => {});
    stream.close(8);
    opened += 1;
    if (opened % 50 === 0) await soon();
  }
  expect(opened).toBeLessThan(20_000);
  expect((await ask2(port, { path: "/healthz" })).status).toBe(200);
});

test("the port speaks to whoever connects by IPv6 too, and brackets the address", async () => {
  const { url, port, line } = await startWireServer({ config: { host: "::1" } });
  expect(url).toBe(`http://[::1]:${port}`);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await line({ path: "/healthz" })).peer).toMatch(/^\[::1\]:\d+$/);
});

test("a port that is taken is told to whoever asks to listen", async () => {
  const taken = createNetServer().listen(0, "127.0.0.1");
  onTestFinished(() => {
    taken.close();
  });
  await new Promise((resolve) => taken.once("listening", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await expect(startWireServer({ config: { port } })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("a client that resets the connection in the middle of anything does no harm", async () => {
  const { port } = await startWireServer();
  const beginnings = ["", "PRI", "GET / HT", `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{`, PREFACE];
  for (const bytes of beginnings) {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    if (bytes.length > 0) socket.write(bytes);
    await soon();
    socket.resetAndDestroy();
  }
  expect((await ask1(port, { path: "/healthz" })).status).toBe(200);
});
