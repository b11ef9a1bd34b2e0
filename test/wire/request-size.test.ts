/** Requests that are too large, or pretend to be. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { AuthorizeRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { LIMITS } from "../../src/config.ts";
import { type Answer, ask2, envelope, rawConnection, session2, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const RESOURCE_EXHAUSTED = "8";
/** What may have left the sender before it hears of the refusal: mostly the system's own buffers. */
const BUFFERED = 24 * 1024 * 1024;

const requestOf = (bytes: number) => create(AuthorizeRequestSchema, { accessToken: "x".repeat(bytes) });
const json = (bytes: number) => Buffer.from(toJsonString(AuthorizeRequestSchema, requestOf(bytes)));
const binary = (bytes: number) => Buffer.from(toBinary(AuthorizeRequestSchema, requestOf(bytes)));

/** The status that a client of any protocol would read. */
function statusOf({ status, headers, trailers, body }: Answer): string {
  const type = String(headers["content-type"]);
  if (type.startsWith("application/grpc-web")) {
    return body.toString("latin1").match(/grpc-status: *(\d+)/)?.[1] ?? String(headers["grpc-status"]);
  }
  if (type.startsWith("application/grpc")) return String(trailers["grpc-status"] ?? headers["grpc-status"]);
  return status === 200 ? "0" : String(JSON.parse(body.toString()).code);
}

const FORMS = [
  ["Connect JSON", { "content-type": "application/json" }, json, "resource_exhausted"],
  ["Connect binary", { "content-type": "application/proto" }, binary, "resource_exhausted"],
  ["gRPC", { "content-type": "application/grpc" }, (n: number) => envelope(binary(n)), RESOURCE_EXHAUSTED],
  [
    "gRPC-Web",
    { "content-type": "application/grpc-web+proto" },
    (n: number) => envelope(binary(n)),
    RESOURCE_EXHAUSTED,
  ],
] as const;

describe.each(VERSIONS)("over %s", (_version, ask) => {
  describe.each(FORMS)("in %s", (_form, headers, bodyOf, refused) => {
    test("a request of the largest size passes", async () => {
      const { port, calls } = await startWireServer();
      const frame = bodyOf(0).length + 8;
      const body = bodyOf(LIMITS.requestBytes - frame - 20);
      const answer = await ask(port, { method: "POST", path: PATH, headers, body });
      expect(statusOf(answer)).toBe("0");
      expect(calls).toHaveLength(1);
    });

    test("a larger one is RESOURCE_EXHAUSTED, and the service never hears of it", async () => {
      const { port, calls, line } = await startWireServer();
      for (const size of [LIMITS.requestBytes + 1, 1024 * 1024]) {
        const answer = await ask(port, { method: "POST", path: PATH, headers, body: bodyOf(size) });
        expect(statusOf(answer)).toBe(refused);
      }
      expect(calls).toHaveLength(0);
      expect(await line({ code: "RESOURCE_EXHAUSTED" })).toMatchObject({ event: "request", level: "info" });
    });
  });

  test("a small body that unpacks to a large one is RESOURCE_EXHAUSTED in every protocol", async () => {
    const { port, calls } = await startWireServer();
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, " "));
    const packed = envelope(bomb, { flags: 1 });
    expect(bomb.length).toBeLessThan(LIMITS.requestBytes);
    const cases = [
      [{ "content-type": "application/json", "content-encoding": "gzip" }, bomb, "resource_exhausted"],
      [{ "content-type": "application/proto", "content-encoding": "gzip" }, bomb, "resource_exhausted"],
      [{ "content-type": "application/grpc", "grpc-encoding": "gzip" }, packed, RESOURCE_EXHAUSTED],
      [{ "content-type": "application/grpc-web+proto", "grpc-encoding": "gzip" }, packed, RESOURCE_EXHAUSTED],
    ] as const;
    for (const [headers, body, refused] of cases) {
      const answer = await ask(port, { method: "POST", path: PATH, headers, body });
      expect(statusOf(answer)).toBe(refused);
    }
    expect(calls).toHaveLength(0);
  });

  test("brotli is refused before anything is unpacked", async () => {
    const { port, calls } = await startWireServer();
    const headers = { "content-type": "application/json", "content-encoding": "br" };
    const body = brotliCompressSync(Buffer.alloc(1024 * 1024, " "));
    const answer = await ask(port, { method: "POST", path: PATH, headers, body });
    expect(statusOf(answer)).toBe("unimplemented");
    expect(calls).toHaveLength(0);
  });

  test.each(["application/grpc", "application/grpc-web+proto"])(
    "in %s a prefix that announces 4 GiB is refused on sight",
    async (type) => {
      const { port, calls } = await startWireServer();
      const body = envelope(Buffer.from("little"), { length: 0xffffffff });
      const answer = await ask(port, { method: "POST", path: PATH, headers: { "content-type": type }, body });
      expect(statusOf(answer)).toBe(RESOURCE_EXHAUSTED);
      expect(calls).toHaveLength(0);
    },
  );
});

test("an HTTP/1.1 client that goes on sending after the refusal is answered, then cut off", async () => {
  const { port, calls } = await startWireServer();
  const { socket, received, closed } = await rawConnection(port);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  const chunk = Buffer.from(`10000\r\n${"x".repeat(65_536)}\r\n`);
  const push = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", push);
  push();
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 429 /);
  expect(socket.bytesWritten).toBeLessThan(BUFFERED);
  expect(calls).toHaveLength(0);
});

test("an HTTP/1.1 client that announces too much and sends nothing is answered, then cut off", async () => {
  const { port } = await startWireServer({ timeouts: { lingerMs: 50 } });
  const { socket, received, closed } = await rawConnection(port);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  socket.write(`${head}Content-Length: 10000000000\r\n\r\n`);
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 429 /);
});

test("an HTTP/1.1 connection outlives a refusal whose rest arrives soon", async () => {
  const { port } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  const body = json(100_000);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  await until(() => received().includes("resource_exhausted"), "the refusal");
  socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => received().includes('{"status":"alive"}'), "the next answer");
});

test("an HTTP/2 client that goes on sending loses its stream, and keeps its session", async () => {
  const { port, calls } = await startWireServer({ timeouts: { lingerMs: 50 } });
  const session = session2(port);
  const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/grpc" });
  let trailers: Record<string, unknown> = {};
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.resume();
  let sent = 0;
  const chunk = Buffer.alloc(65_536);
  const push = () => {
    while (!stream.destroyed && !stream.closed) {
      sent += chunk.length;
      if (!stream.write(chunk)) return;
    }
  };
  stream.on("drain", push);
  stream.write(envelope(Buffer.alloc(0), { length: 0xffffffff }));
  push();
  await new Promise((resolve) => stream.once("close", resolve));
  expect(trailers["grpc-status"]).toBe(RESOURCE_EXHAUSTED);
  expect(sent).toBeLessThan(1024 * 1024);
  expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
  expect(calls).toHaveLength(0);
});

test.each(VERSIONS)("over %s an answer above the bound for answers is not sent", async (_version, ask) => {
  const { port } = await startWireServer({ answerLength: LIMITS.responseBytes });
  const headers = { "content-type": "application/json" };
  expect(statusOf(await ask(port, { method: "POST", path: PATH, headers, body: "{}" }))).toBe("resource_exhausted");
});

test.each(VERSIONS)("over %s an answer below it arrives whole", async (_version, ask) => {
  const { port } = await startWireServer({ answerLength: LIMITS.responseBytes - 100 });
  const headers = { "content-type": "application/json" };
  const answer = await ask(port, { method: "POST", path: PATH, headers, body: "{}" });
  expect(JSON.parse(answer.body.toString()).granted.principal.username).toHaveLength(LIMITS.responseBytes - 100);
});
