/** Deadlines of unary calls: shortened to the bound, never refused for being long. */
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { LIMITS } from "../../src/config.ts";
import { eventually } from "../support/eventually.ts";
import { grpcClient, grpcServerStream } from "../support/wire-grpc.ts";
import { type Answer, envelope, rawConnection, session2, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const BOUND = LIMITS.unaryDeadlineMs;

const connect = (value?: string) => ({
  method: "POST",
  path: PATH,
  headers: { "content-type": "application/json", ...(value !== undefined && { "connect-timeout-ms": value }) },
  body: "{}",
});
const grpc = (type: string, value?: string) => ({
  method: "POST",
  path: PATH,
  headers: { "content-type": type, ...(value !== undefined && { "grpc-timeout": value }) },
  body: envelope(Buffer.alloc(0)),
});

const grpcStatus = ({ headers, trailers, body }: Answer) =>
  trailers["grpc-status"] ?? headers["grpc-status"] ?? body.toString("latin1").match(/grpc-status: *(\d+)/)?.[1];

describe.each(VERSIONS)("over %s", (_version, ask) => {
  test.each([undefined, "30001", "60000", "9999999999"])("Connect's %s becomes 30 s", async (value) => {
    const { port, calls } = await startWireServer();
    expect((await ask(port, connect(value))).status).toBe(200);
    expect(calls[0]?.timeoutMs).toBeLessThanOrEqual(BOUND);
    expect(calls[0]?.timeoutMs).toBeGreaterThan(BOUND - 5_000);
  });

  test.each(["application/grpc", "application/grpc-web+proto"])(
    "in %s whatever is longer becomes 30 s",
    async (type) => {
      const { port, calls } = await startWireServer();
      for (const value of [undefined, "31S", "1M", "99999999H", "30001m", "99999999u"]) {
        expect(grpcStatus(await ask(port, grpc(type, value)))).toBe("0");
      }
      const seen = calls.map(({ timeoutMs }) => timeoutMs ?? Number.POSITIVE_INFINITY);
      expect(Math.max(...seen)).toBeLessThanOrEqual(BOUND);
      expect(Math.min(...seen.slice(0, 5))).toBeGreaterThan(BOUND - 5_000);
    },
  );

  test("nanoseconds are told apart from all else, though they are a tenth of a second at most", async () => {
    const { port, calls } = await startWireServer();
    const tenth = grpc("application/grpc", "99999999n");
    // A machine that stands still for a moment does not keep it.
    await eventually(async () => grpcStatus(await ask(port, tenth))).toBe("0");
    expect(calls.at(-1)?.timeoutMs).toBeLessThanOrEqual(100);
  });

  test("what is shorter stays as it is", async () => {
    const { port, calls } = await startWireServer();
    await ask(port, connect("5000"));
    await ask(port, grpc("application/grpc", "5S"));
    await ask(port, grpc("application/grpc-web+proto", "5000000u"));
    for (const { timeoutMs } of calls) {
      expect(timeoutMs).toBeLessThanOrEqual(5_000);
      expect(timeoutMs).toBeGreaterThan(1_000);
    }
    expect(calls).toHaveLength(3);
  });

  test.each(["", "abc", "-1", "1.5", "10000000000000", "5S", "Infinity", "1e3"])(
    "%j is no deadline of Connect: invalid_argument",
    async (value) => {
      const { port, calls } = await startWireServer();
      const answer = await ask(port, connect(value));
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "invalid_argument" });
      expect(calls).toHaveLength(0);
    },
  );

  test.each(["", "5", "S", "5X", "-5S", "999999999S", "1.5S", "5S5S", "__proto__"])(
    "%j is no deadline of gRPC: INVALID_ARGUMENT",
    async (value) => {
      const { port, calls } = await startWireServer();
      for (const type of ["application/grpc", "application/grpc-web+proto"]) {
        expect(grpcStatus(await ask(port, grpc(type, value)))).toBe("3");
      }
      expect(calls).toHaveLength(0);
    },
  );
});

test.each([
  ["Connect", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
])("the service hears when the deadline of a call in %s passes", async (_name, transportTo) => {
  const { url, calls } = await startWireServer({
    work: ({ signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const client = createClient(AuthService, transportTo(url));
  await expect(client.authorize({}, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  await until(() => calls[0]?.signal.aborted, "the signal");
});

test("an HTTP/1.1 body that does not arrive within the deadline is answered for", async () => {
  const { port, calls } = await startWireServer({ timeouts: { lingerMs: 50 } });
  const { socket, received, closed } = await rawConnection(port);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnect-Timeout-Ms: 100\r\n`;
  socket.write(`${head}Content-Length: 10\r\n\r\n{`);
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 504 .*"deadline_exceeded"/s);
  expect(calls).toHaveLength(0);
});

test("an HTTP/2 body that does not arrive within the deadline is answered for", async () => {
  const { port, calls, line } = await startWireServer({ timeouts: { lingerMs: 50 } });
  const headers = { "content-type": "application/grpc", "grpc-timeout": "100m" };
  const stream = session2(port).request({ ":method": "POST", ":path": PATH, ...headers });
  let trailers: Record<string, unknown> = {};
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.resume();
  stream.write(envelope(Buffer.alloc(0), { length: 100 }));
  await new Promise((resolve) => stream.once("close", resolve));
  expect(trailers["grpc-status"]).toBe("4");
  expect(await line({ event: "request" })).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(calls).toHaveLength(0);
});

test("streams keep the deadline that they ask for", async () => {
  const seen: (number | undefined)[] = [];
  const { port } = await startWireServer({
    interceptors: [
      (next) => (request) => {
        seen.push(Number(request.header.get("grpc-timeout")?.match(/^\d+/)?.[0] ?? 0));
        return next(request);
      },
    ],
  });
  const stream = grpcServerStream(grpcClient(port), Health.method.watch, {});
  await until(() => stream.seen.length === 1, "the first message");
  expect(seen).toEqual([0]);
});
