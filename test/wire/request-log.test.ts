/** The request log: what it tells, and what it must not. */
import { describe, expect, test } from "vitest";
import { callKey } from "../../src/rpc/call.ts";
import { envelope, rawConnection, session2, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const NAME = "sallyport.auth.v1.AuthService/Authorize";
const PATH = `/${NAME}`;
const SECRET = "s3cr3t-t0k3n";
const post = { method: "POST", path: PATH, headers: { "content-type": "application/json" }, body: "{}" };

describe.each(VERSIONS)("over %s", (_version, ask) => {
  test("a call is one line with these fields and no others", async () => {
    const { port, line, lines } = await startWireServer();
    const answer = await ask(port, post);
    expect(await line({ event: "request" })).toEqual({
      level: "info",
      time: expect.any(String),
      event: "request",
      id: answer.headers["x-request-id"],
      rpc: NAME,
      protocol: "connect",
      code: "OK",
      reason: null,
      duration_ms: expect.any(Number),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      subject: null,
    });
    expect(lines).toHaveLength(1);
  });

  test.each([
    ["application/proto", Buffer.alloc(0), "connect"],
    ["application/grpc", envelope(Buffer.alloc(0)), "grpc"],
    ["application/grpc-web+proto", envelope(Buffer.alloc(0)), "grpc-web"],
  ])("a call with %s is told with its protocol", async (type, body, protocol) => {
    const { port, line } = await startWireServer();
    await ask(port, { ...post, headers: { "content-type": type }, body });
    expect(await line({ event: "request" })).toMatchObject({ protocol, code: "OK" });
  });

  test("what the interceptors find out is in the line", async () => {
    const { port, line } = await startWireServer({
      interceptors: [
        (next) => (request) => {
          Object.assign(request.contextValues.get(callKey).outcome, { reason: "ROLE_MISSING", subject: "usr_1" });
          return next(request);
        },
      ],
    });
    await ask(port, post);
    expect(await line({ event: "request" })).toMatchObject({ reason: "ROLE_MISSING", subject: "usr_1" });
  });

  test("a fault of ours is an error with its cause, of which nothing is sent", async () => {
    const { port, line } = await startWireServer({
      work: () =>
        Promise.reject(Object.assign(new Error("the disk is gone", { cause: new TypeError("deep") }), { sql: SECRET })),
    });
    const answer = await ask(port, post);
    expect(answer.body.toString()).not.toContain("disk");
    expect(await line({ event: "request" })).toMatchObject({
      level: "error",
      code: "UNKNOWN",
      cause: {
        type: "Error",
        message: "the disk is gone",
        stack: expect.stringContaining("request-log.test.ts"),
        cause: { type: "TypeError", message: "deep" },
      },
    });
    expect(JSON.stringify(await line({ event: "request" }))).not.toContain(SECRET);
  });

  test("nothing of a URL, a header or a body is in the log", async () => {
    const { port, text, lines } = await startWireServer();
    const secrets = {
      authorization: `Bearer ${SECRET}`,
      "user-agent": SECRET,
      cookie: SECRET,
      origin: `https://${SECRET}`,
    };
    const json = { "content-type": "application/json", ...secrets };
    const grpc = { "content-type": "application/grpc", ...secrets };
    await ask(port, {
      ...post,
      path: `${PATH}?access_token=${SECRET}`,
      headers: json,
      body: `{"accessToken":"${SECRET}"}`,
    });
    await ask(port, { ...post, headers: json, body: `{"accessToken":"${SECRET}` });
    await ask(port, { ...post, path: `/nobody.v1.${SECRET}/Do`, headers: grpc });
    await ask(port, { ...post, path: `/nobody.v1.Nothing/${SECRET}`, headers: json });
    await ask(port, { path: `/${SECRET}?token=${SECRET}`, headers: secrets });
    await ask(port, { path: `/healthz?token=${SECRET}`, headers: secrets });
    await ask(port, { method: "GET", path: `${PATH}?message=${SECRET}`, headers: secrets });
    await until(() => lines.length === 7, "all lines");
    expect(text()).not.toContain(SECRET);
  });

  test("calls of unknown RPCs are told without a name", async () => {
    const { port, line } = await startWireServer();
    await ask(port, { ...post, path: "/nobody.v1.Nothing/Do" });
    expect(await line({ event: "request" })).toMatchObject({ rpc: null, code: "UNIMPLEMENTED", level: "info" });
  });

  test("health checks and plain HTTP are for debugging", async () => {
    const { port, line } = await startWireServer();
    await ask(port, { ...post, path: "/grpc.health.v1.Health/Check" });
    expect(await line({ event: "request" })).toMatchObject({ level: "debug", rpc: "grpc.health.v1.Health/Check" });
    await ask(port, { path: "/healthz" });
    expect(await line({ event: "http" })).toMatchObject({ level: "debug", path: "/healthz", status: 200 });
    await ask(port, { path: "/nothing" });
    expect(await line({ event: "http", status: 404 })).toMatchObject({ level: "debug", path: null });
  });

  test("a content type that the library refuses is told with a code", async () => {
    const { port, line } = await startWireServer();
    await ask(port, { ...post, headers: { "content-type": "text/html" } });
    expect(await line({ event: "request" })).toMatchObject({ rpc: NAME, protocol: null, code: "INVALID_ARGUMENT" });
  });
});

test("a client that goes away in the middle is CANCELLED: one line, and no alarm", async () => {
  const { port, calls, line, lines } = await startWireServer({
    work: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    interceptors: [],
  });
  const { socket } = await rawConnection(port);
  socket.write(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
  expect(await line({ event: "request" })).toMatchObject({ code: "CANCELLED", level: "info" });
  const stream = session2(port).request({ ":method": "POST", ":path": PATH, "content-type": "application/grpc" });
  stream.on("error", () => {});
  stream.end(envelope(Buffer.alloc(0)));
  await until(() => calls.length === 1, "the call");
  stream.close(8);
  await until(() => lines.filter(({ event }) => event === "request").length === 2, "the second line");
  expect(lines.map(({ level }) => level)).not.toContain("error");
});

test("control characters cannot break a line", async () => {
  const { port, text, line } = await startWireServer({
    work: () => Promise.reject(new Error('one\n{"event":"forged"}\r\u2028\u0000')),
  });
  const { socket } = await rawConnection(port);
  const body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  socket.write(`POST ${PATH} HTTP/1.1\r\nHost: a\r\n${body}`);
  await line({ event: "request" });
  const written = text().trimEnd().split("\n");
  expect(written).toHaveLength(1);
  expect(JSON.parse(written[0] ?? "")).toMatchObject({ event: "request" });
});
