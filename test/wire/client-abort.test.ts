/** Clients that go away: what they left behind is given back, and nothing is thrown. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { ask1, envelope, rawConnection, session2 } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const uncaught: unknown[] = [];
let complaints: MockInstance;
const note = (error: unknown) => uncaught.push(error);

beforeEach(() => {
  complaints = vi.spyOn(console, "error").mockImplementation(() => {});
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
});

afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off("uncaughtException", note);
  process.off("unhandledRejection", note);
  expect(uncaught).toEqual([]);
  expect(complaints.mock.calls).toEqual([]);
  vi.restoreAllMocks();
});

test.each([
  ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ["Connect over HTTP/1.1", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
])("a service hears that its client in %s has cancelled", async (_name, transportTo) => {
  const { url, calls } = await startWireServer({
    work: ({ signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const controller = new AbortController();
  const call = createClient(AuthService, transportTo(url)).authorize({}, { signal: controller.signal });
  const refused = expect(call).rejects.toThrow();
  await until(() => calls.length === 1, "the call");
  controller.abort();
  await refused;
  await until(() => calls[0]?.signal.aborted, "the signal");
});

test("a service that answers long after its client is gone does no harm", async () => {
  let finish = () => {};
  const { url, port, calls } = await startWireServer({ work: () => new Promise((resolve) => (finish = resolve)) });
  for (const transport of [
    createGrpcTransport({ baseUrl: url }),
    createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
  ]) {
    calls.length = 0;
    const controller = new AbortController();
    const call = createClient(AuthService, transport).authorize({}, { signal: controller.signal });
    const refused = expect(call).rejects.toThrow();
    await until(() => calls.length === 1, "the call");
    controller.abort();
    await refused;
    await until(() => calls[0]?.signal.aborted, "the signal");
    finish();
  }
  expect((await ask1(port, { path: "/healthz" })).status).toBe(200);
});

test("a stream that its client no longer reads, and then drops, is wound up", async () => {
  let running = 0;
  const { port } = await startWireServer({
    interceptors: [
      (next) => async (request) => {
        const answer = await next(request);
        if (!answer.stream) return answer;
        const first = await answer.message[Symbol.asyncIterator]().next();
        return { ...answer, message: flood(first.value) };
      },
    ],
  });
  async function* flood<T>(message: T) {
    running += 1;
    try {
      for (;;) yield message;
    } finally {
      running -= 1;
    }
  }
  const body = envelope(Buffer.from("{}"));
  const head = "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nHost: a\r\nContent-Type: application/connect+json\r\n";
  const { socket } = await rawConnection(port);
  socket.pause();
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  const stream = session2(port).request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Watch",
    "content-type": "application/grpc",
  });
  stream.on("error", () => {});
  stream.end(envelope(Buffer.alloc(0)));
  await until(() => running === 2, "both streams");
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  stream.close(8);
  await until(() => running === 0, "their end");
  expect(running).toBe(0);
});

test("watches that are dropped in every way leave nothing behind", async () => {
  const { url, lines } = await startWireServer();
  for (const transport of [
    createGrpcTransport({ baseUrl: url }),
    createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
  ]) {
    const controller = new AbortController();
    const watch = createClient(Health, transport).watch({}, { signal: controller.signal })[Symbol.asyncIterator]();
    await watch.next();
    const refused = expect(watch.next()).rejects.toThrow();
    controller.abort();
    await refused;
  }
  await until(() => lines.filter(({ event }) => event === "request").length === 2, "both lines");
  expect(lines.map(({ code }) => code)).toEqual(["CANCELLED", "CANCELLED"]);
});

test("requests that are queued behind one another on a connection that breaks are all accounted for", async () => {
  const { port, calls, lines, server } = await startWireServer({ work: () => new Promise(() => {}) });
  const { socket } = await rawConnection(port);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
  socket.write(head.repeat(3));
  await until(() => calls.length === 3, "three calls");
  socket.destroy();
  await until(() => lines.length === 3, "three lines");
  expect(lines.map(({ code }) => code)).toEqual(["CANCELLED", "CANCELLED", "CANCELLED"]);
  await server.close();
});
