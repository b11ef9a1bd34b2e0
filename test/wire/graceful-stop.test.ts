/** The graceful stop. */
import { createServer as createNetServer } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { callFields, http2Attacker } from "../support/http2-attacker.ts";
import { FLAG, FRAME, frame, headerBlock, SETTINGS_ACK } from "../support/http2-frames.ts";
import { grpcBidiStream, grpcClient } from "../support/wire-grpc.ts";
import { ask1, ask2, rawConnection, session2 } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const post = { method: "POST", path: PATH, headers: { "content-type": "application/json" }, body: "{}" };

/** Work that waits to be told. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, work: () => opened };
}

test("during the delay the server reports itself as not serving, and serves", async () => {
  const { port, server } = await startWireServer({ config: { shutdownDelayMs: 3_000 } });
  const closed = server.close();
  const answers = await Promise.all([
    ask1(port, { path: "/readyz" }),
    ask1(port, { path: "/healthz" }),
    ask1(port, post),
    ask2(port, post),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([503, 200, 200, 200]);
  await closed;
});

test.each([
  ["HTTP/1.1", ask1],
  ["HTTP/2", ask2],
])("a call that is under way over %s is finished and answered", async (_version, ask) => {
  const { open, work } = gate();
  const { port, server, calls } = await startWireServer({ work });
  const answer = ask(port, post);
  await until(() => calls.length === 1, "the call");
  const closed = server.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(calls[0]?.signal.aborted).toBe(false);
  open();
  expect((await answer).status).toBe(200);
  await closed;
});

test.each([
  ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ["Connect", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
])("a client of %s with a hundred calls under way loses none", async (_name, transportTo) => {
  const { open, work } = gate();
  const { url, server, calls } = await startWireServer({ work });
  const client = createClient(AuthService, transportTo(url));
  const answers = Promise.all(Array.from({ length: 100 }, (_, index) => client.authorize({ audience: String(index) })));
  await until(() => calls.length === 100, "all calls");
  const closed = server.close();
  open();
  expect(await answers).toHaveLength(100);
  await closed;
});

test("an HTTP/1.1 answer that is given during the stop says that the connection ends with it", async () => {
  const { open, work } = gate();
  const { port, server, calls } = await startWireServer({ work });
  const { socket, received, closed } = await rawConnection(port);
  socket.write(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  await until(() => calls.length === 1, "the call");
  const stopped = server.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  open();
  await closed;
  expect(received().toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\nconnection: close\r\n.*\{"granted"/is);
  await stopped;
});

test("idle connections are closed at once, and HTTP/2 clients are told to go away", async () => {
  const { port, server } = await startWireServer({ timeouts: { lingerMs: 60_000 } });
  const one = await rawConnection(port);
  one.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => one.received().includes("alive"), "the answer");
  const two = session2(port);
  expect((await ask2(port, { path: "/healthz" }, two)).status).toBe(200);
  const goaway = new Promise((resolve) => two.once("goaway", resolve));
  const closed = server.close();
  expect(await goaway).toBe(0);
  await Promise.all([one.closed, closed]);
});

test("an HTTP/2 call that was on its way when the server said that it ends is answered, and the next is not taken", async () => {
  const { port, server } = await startWireServer({ timeouts: { noticeMs: 2_000, lingerMs: 5_000 } });
  const { socket, frames, closed } = await http2Attacker(port);
  socket.write(SETTINGS_ACK);
  const call = (stream: number) => {
    const payload = headerBlock(callFields());
    socket.write(frame(FRAME.HEADERS, { stream, flags: FLAG.END_HEADERS, payload }));
    socket.write(frame(FRAME.DATA, { stream, flags: FLAG.END_STREAM, payload: Buffer.from("{}") }));
  };
  const isAnswered = (stream: number) =>
    frames().some((one) => one.type === FRAME.DATA && one.stream === stream && (one.flags & FLAG.END_STREAM) !== 0);
  /** The last stream that counts, in each GOAWAY that came. */
  const ends = () => frames().flatMap(({ type, payload }) => (type === FRAME.GOAWAY ? payload.readUInt32BE(0) : []));
  call(1);
  await until(() => isAnswered(1), "the first answer");
  const stopped = server.close();
  await until(() => ends().length === 1, "the notice");
  call(3);
  await until(() => isAnswered(3), "the answer to what was on its way");
  expect(ends()).toEqual([2 ** 31 - 1]);
  await Promise.all([closed, stopped]);
  expect(ends().slice(0, 2)).toEqual([2 ** 31 - 1, 3]);
});

test("over HTTP/1.1 every answer during the delay ends its connection, so that clients go where others are ready", async () => {
  const { port, server } = await startWireServer({ config: { shutdownDelayMs: 3_000 } });
  const kept = { connection: "keep-alive" };
  const keptPost = { ...post, headers: { ...post.headers, ...kept } };
  const alive = await ask1(port, keptPost);
  const stopped = server.close();
  const [call, page] = [await ask1(port, keptPost), await ask1(port, { path: "/healthz", headers: kept })];
  expect([alive, call, page].map(({ headers }) => headers.connection)).toEqual(["keep-alive", "close", "close"]);
  await stopped;
});

test("over HTTP/1.1 quiet connections are closed during the delay, a few at a time, and those that are asked on are not", async () => {
  const { open, work } = gate();
  const { port, server, calls } = await startWireServer({ config: { shutdownDelayMs: 5_000 }, work });
  const quiet = await Promise.all(Array.from({ length: 6 }, () => rawConnection(port)));
  for (const { socket } of quiet) socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => quiet.every(({ received }) => received().includes("alive")), "the answers");
  const asked = ask1(port, post);
  await until(() => calls.length === 1, "the call");
  const stopped = server.close();
  const isOpen = ({ socket }: { readonly socket: { readonly destroyed: boolean } }) => !socket.destroyed;
  const counts = new Set<number>();
  await until(() => counts.add(quiet.filter(isOpen).length).has(0), "the end of the last");
  expect(counts.size).toBeGreaterThan(2);
  open();
  expect((await asked).status).toBe(200);
  await stopped;
});

test.each([
  ["has said nothing yet", ""],
  ["is in the middle of its headers", "GET / HTTP/1.1\r\nHost: a\r\nX-Half"],
])("a connection that %s does not hold up the stop for long", async (_state, bytes) => {
  const { port, server } = await startWireServer({ timeouts: { lingerMs: 50 } });
  const { socket, closed } = await rawConnection(port);
  if (bytes !== "") socket.write(bytes);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Promise.all([server.close(), closed]);
  expect(socket.destroyed).toBe(true);
});

test("streams end with UNAVAILABLE, also those that wait for their client", async () => {
  const { url, port, server, lines } = await startWireServer();
  const bidi = grpcBidiStream(grpcClient(port), ServerReflection.method.serverReflectionInfo);
  bidi.ask({ messageRequest: { case: "listServices", value: "" } });
  await until(() => bidi.seen.length === 1, "an answer");
  const watch = createClient(Health, createConnectTransport({ baseUrl: url, httpVersion: "1.1" })).watch({});
  const messages = watch[Symbol.asyncIterator]();
  const first = await messages.next();
  expect(first.value).toMatchObject({ status: HealthCheckResponse_ServingStatus.SERVING });
  const closed = server.close();
  expect(await bidi.ended).toMatchObject({ code: Code.Unavailable });
  const second = await messages.next();
  expect(second.value).toMatchObject({ status: HealthCheckResponse_ServingStatus.NOT_SERVING });
  await expect(messages.next()).rejects.toMatchObject({ code: Code.Unavailable });
  await closed;
  const streams = lines.filter(({ event }) => event === "request");
  expect(streams.map(({ code }) => code)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
});

test("work that takes too long is cut off, and said to be", async () => {
  const { port, server, calls, line } = await startWireServer({
    timeouts: { shutdownMs: 60 },
    work: () => new Promise(() => {}),
  });
  const answers = [ask1(port, post), ask2(port, post)].map((answer) => answer.catch(() => "cut off"));
  await until(() => calls.length === 2, "both calls");
  await server.close();
  expect(await Promise.race([answers[0]])).toBe("cut off");
  await answers[1];
  expect(await line({ event: "work_cut_off" })).toMatchObject({ level: "warn" });
  const ended = await until(() => calls.every(({ signal }) => signal.aborted), "both signals");
  expect(ended).toBe(true);
});

test("the port is free once the stop is over, and nothing is answered on it", async () => {
  const { port, server } = await startWireServer();
  await server.close();
  await expect(ask1(port, { path: "/" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  const next = createNetServer();
  onTestFinished(() => {
    next.close();
  });
  await new Promise<void>((resolve, reject) => {
    next.once("error", reject);
    next.listen(port, "127.0.0.1", resolve);
  });
  expect(next.listening).toBe(true);
});

test("stopping twice is stopping once", async () => {
  const { server, lines } = await startWireServer();
  const [first, second] = [server.close(), server.close()];
  expect(second).toBe(first);
  await first;
  await server.close();
  expect(lines.filter(({ event }) => event === "stopping")).toHaveLength(1);
});
