/** What a call knows of the connection and the headers that it came with. */
import { connect as http2Connect } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { ask1, ask2, rawConnection, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
/** Lets a client repeat what should be said once. */
const lenient = { maxSettings: 32, strictSingleValueFields: false };
const json = { "content-type": "application/json" };

test.each(VERSIONS)("over %s a call without authorization has none", async (_version, ask) => {
  const { port, calls } = await startWireServer();
  await ask(port, { method: "POST", path: PATH, headers: json, body: "{}" });
  expect(calls[0]?.call.authorization).toEqual([]);
});

test("both of two authorization headers are seen on HTTP/1.1, however they are spelt", async () => {
  const { port, calls } = await startWireServer();
  const { socket } = await rawConnection(port);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n`;
  socket.write(`${head}Authorization: Bearer one\r\nAUTHORIZATION: Bearer two\r\n\r\n{}`);
  await until(() => calls.length === 1, "the call");
  expect(calls[0]?.call.authorization).toEqual(["Bearer one", "Bearer two"]);
});

test("both of two authorization headers are seen on HTTP/1.1 behind thousands of others", async () => {
  const { port, calls } = await startWireServer();
  const { socket } = await rawConnection(port);
  const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n`;
  const others = "a: \r\n".repeat(4000);
  socket.write(`${head}Authorization: Bearer one\r\n${others}Authorization: Bearer two\r\n\r\n{}`);
  await until(() => calls.length === 1, "the call");
  expect(calls[0]?.call.authorization).toEqual(["Bearer one", "Bearer two"]);
});

test("both of two authorization headers are seen on HTTP/2", async () => {
  const { port, calls } = await startWireServer();
  const session = http2Connect(`http://127.0.0.1:${port}`, lenient);
  onTestFinished(() => session.destroy());
  const authorization = ["Bearer one", "Bearer two"];
  await ask2(port, { method: "POST", path: PATH, headers: { ...json, authorization }, body: "{}" }, session);
  expect(calls[0]?.call.authorization).toEqual(authorization);
});

test.each(VERSIONS)("over %s two values in one header stay one", async (_version, ask) => {
  const { port, calls } = await startWireServer();
  const headers = { ...json, authorization: "Bearer one, Bearer two" };
  await ask(port, { method: "POST", path: PATH, headers, body: "{}" });
  expect(calls[0]?.call.authorization).toEqual(["Bearer one, Bearer two"]);
});

test.each(VERSIONS)(
  "over %s the call has the address of its client, and the name that the client is told",
  async (_version, ask) => {
    const { port, calls } = await startWireServer();
    const answer = await ask(port, { method: "POST", path: PATH, headers: json, body: "{}" });
    expect(calls[0]?.call.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(calls[0]?.call.id).toBe(answer.headers["x-request-id"]);
  },
);

test("a name that the client makes up for its request is not taken over", async () => {
  const { port, calls } = await startWireServer();
  const headers = { ...json, "x-request-id": "mine" };
  const answer = await ask1(port, { method: "POST", path: PATH, headers, body: "{}" });
  expect(calls[0]?.call.id).not.toBe("mine");
  expect(answer.headers["x-request-id"]).toBe(calls[0]?.call.id);
});
