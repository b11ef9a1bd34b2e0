/** Requests that make no sense are the caller's fault, and are said to be. */
import { describe, expect, test } from "vitest";
import { ask2, envelope, rawConnection, session2, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const INVALID_ARGUMENT = "3";
const post = (type: string, body: Uint8Array | string, headers: Record<string, string> = {}) => ({
  method: "POST",
  path: PATH,
  headers: { "content-type": type, ...headers },
  body,
});

describe.each(VERSIONS)("over %s", (_version, ask) => {
  test.each(["{", "[]", "null", '"text"', '{"audience":7}', '{"anyRole":"admin"}', "\u0000", ""])(
    "%j is no JSON message: invalid_argument",
    async (body) => {
      const { port, calls } = await startWireServer();
      const answer = await ask(port, post("application/json", body));
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "invalid_argument" });
      expect(calls).toHaveLength(0);
    },
  );

  const NOT_A_MESSAGE = [
    ["a tag of wire type 7", Buffer.from([0x0f])],
    ["a field that is cut off", Buffer.from([0x0a, 0x10, 0x41])],
    ["field number 0", Buffer.from([0x00, 0x01])],
  ] as const;
  describe.each(NOT_A_MESSAGE)("%s is no protobuf message", (_what, bytes) => {
    test("in Connect: invalid_argument, logged without an alarm", async () => {
      const { port, calls, line } = await startWireServer();
      const answer = await ask(port, post("application/proto", bytes));
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "invalid_argument" });
      expect(await line({ event: "request" })).toMatchObject({ code: "INVALID_ARGUMENT", level: "info" });
      expect(calls).toHaveLength(0);
    });

    test.each(["application/grpc", "application/grpc-web+proto"])("in %s: INVALID_ARGUMENT", async (type) => {
      const { port, calls, line } = await startWireServer();
      const answer = await ask(port, post(type, envelope(bytes)));
      const inBody = /grpc-status: *(\d+)/.exec(answer.body.toString("latin1"))?.[1];
      expect(answer.trailers["grpc-status"] ?? inBody).toBe(INVALID_ARGUMENT);
      expect(await line({ event: "request" })).toMatchObject({ code: "INVALID_ARGUMENT", level: "info" });
      expect(calls).toHaveLength(0);
    });
  });

  test("a body that claims gzip and is none is invalid_argument", async () => {
    const { port, calls } = await startWireServer();
    const packed = await ask(port, post("application/json", "{}", { "content-encoding": "gzip" }));
    expect(JSON.parse(packed.body.toString())).toMatchObject({ code: "invalid_argument" });
    const cut = Buffer.from("1f8b08000000000000", "hex");
    const truncated = await ask(port, post("application/json", cut, { "content-encoding": "gzip" }));
    expect(JSON.parse(truncated.body.toString())).toMatchObject({ code: "invalid_argument" });
    expect(calls).toHaveLength(0);
  });

  test("a gRPC body without a message, with half a one, or with two never reaches the service", async () => {
    const { port, calls } = await startWireServer();
    const one = envelope(Buffer.alloc(0));
    for (const body of [
      Buffer.alloc(0),
      one.subarray(0, 3),
      envelope(Buffer.alloc(2), { length: 9 }),
      Buffer.concat([one, one]),
    ]) {
      const answer = await ask(port, post("application/grpc", body));
      expect(["3", "12"]).toContain(answer.trailers["grpc-status"] ?? answer.headers["grpc-status"]);
    }
    expect(calls).toHaveLength(0);
  });

  test("a token in the URL is ignored", async () => {
    const { port, calls } = await startWireServer();
    const asked = post("application/json", '{"audience":"orders"}');
    const answer = await ask(port, { ...asked, path: `${PATH}?access_token=secret&x=%00` });
    expect(answer.status).toBe(200);
    expect(calls).toMatchObject([{ call: { authorization: [] }, message: { accessToken: "", audience: "orders" } }]);
  });
});

test("an HTTP/1.1 request without a host is 400", async () => {
  const { port } = await startWireServer();
  const { socket, received, closed } = await rawConnection(port);
  socket.write(`POST ${PATH} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 400 /);
});

test("an HTTP/1.0 request without a host is 400 for an RPC, and fine for a page", async () => {
  const { port, calls } = await startWireServer();
  const rpc = await rawConnection(port);
  rpc.socket.write(`POST ${PATH} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  await rpc.closed;
  expect(rpc.received().toString()).toMatch(/^HTTP\/1\.1 400 /);
  const page = await rawConnection(port);
  page.socket.write("GET /healthz HTTP/1.0\r\n\r\n");
  await page.closed;
  expect(page.received().toString()).toMatch(/^HTTP\/1\.1 200 /);
  expect(calls).toHaveLength(0);
});

test.each(["a b", "[::1", "user@", "%", "a:99999999", " "])(
  "the host %j makes no URL: 400, and no harm",
  async (host) => {
    const { port } = await startWireServer();
    const { socket, received } = await rawConnection(port);
    const body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    socket.write(`POST ${PATH} HTTP/1.1\r\nHost: ${host}\r\n${body}`);
    await until(() => received().length > 0, "an answer");
    expect(received().toString()).toMatch(/^HTTP\/1\.1 400 /);
  },
);

test("an HTTP/2 request without an authority loses its stream, and the session goes on", async () => {
  const { port, calls } = await startWireServer();
  const { socket, received } = await rawConnection(port);
  // :method POST, :scheme http, :path and content-type by name and value (RFC 7541, static table).
  const path = Buffer.concat([Buffer.from([0x04, PATH.length]), Buffer.from(PATH)]);
  const type = Buffer.from("application/json");
  const block = Buffer.concat([Buffer.from([0x83, 0x86]), path, Buffer.from([0x0f, 0x10, type.length]), type]);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const headers = Buffer.concat([Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 1]), block]);
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings, headers]));
  const reset = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  await until(() => received().includes(reset), "RST_STREAM with PROTOCOL_ERROR");
  const ping = Buffer.concat([Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.from("12345678")]);
  socket.write(ping);
  await until(() => received().includes("12345678"), "the answer to a ping");
  expect(calls).toHaveLength(0);
});

test.each(["[::1", "a b", "%", "a:99999999"])(
  "the authority %j makes no URL: 400 or a reset, and no harm",
  async (host) => {
    const { port, calls } = await startWireServer();
    const session = session2(port);
    const headers = { ":method": "POST", ":path": PATH, ":authority": host, "content-type": "application/json" };
    const stream = session.request(headers);
    const outcome = new Promise((resolve) => {
      stream.on("response", (head) => resolve(head[":status"]));
      stream.on("error", () => resolve(400));
    });
    stream.end("{}");
    expect(await outcome).toBe(400);
    expect((await ask2(port, { path: "/healthz" }, session)).status).toBe(200);
    expect(calls).toHaveLength(0);
  },
);

test("an HTTP/2 request for an absurd path is answered like any other", async () => {
  const { port } = await startWireServer();
  const session = session2(port);
  for (const path of [`/${"a".repeat(8000)}`, "//evil.example/", "/\\", "/#", "/a?b?c#d", "/%00"]) {
    expect((await ask2(port, { path }, session)).status).toBe(404);
  }
});
