/** The port with a certificate: every protocol over TLS, health and the graceful stop too. */
import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { beforeAll, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Authority, createAuthority, issueServer, type Pair, writeTlsFiles } from "../support/certificates.ts";
import { grpcUnary } from "../support/wire-grpc.ts";
import { ask2, rawConnection } from "../support/wire-raw.ts";
import { startWireServer, until } from "../support/wire-server.ts";
import { askTls1, grpcTlsClient, sessionTls2, tlsConnection } from "../support/wire-tls.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const post = { method: "POST", path: PATH, headers: { "content-type": "application/json" }, body: "{}" };

let authority: Authority;
let pair: Pair;
beforeAll(async () => {
  authority = await createAuthority();
  pair = await issueServer(authority);
});

const start = (options: Parameters<typeof startWireServer>[0] = {}) =>
  startWireServer({ tls: writeTlsFiles(pair).files, ...options });
const trust = () => ({ ca: authority.cert });

type Options = { readonly baseUrl: string; readonly nodeOptions: { readonly ca: string } };
const TRANSPORTS: readonly (readonly [string, (options: Options) => Transport])[] = [
  ["Connect JSON over HTTP/1.1", (options) => createConnectTransport({ ...options, httpVersion: "1.1" })],
  ["Connect JSON over HTTP/2", (options) => createConnectTransport({ ...options, httpVersion: "2" })],
  [
    "Connect binary over HTTP/1.1",
    (options) => createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: true }),
  ],
  [
    "Connect binary over HTTP/2",
    (options) => createConnectTransport({ ...options, httpVersion: "2", useBinaryFormat: true }),
  ],
  ["gRPC-Web over HTTP/1.1", (options) => createGrpcWebTransport({ ...options, httpVersion: "1.1" })],
  ["gRPC-Web over HTTP/2", (options) => createGrpcWebTransport({ ...options, httpVersion: "2" })],
  ["gRPC", (options) => createGrpcTransport(options)],
];

describe.each(TRANSPORTS)("%s over TLS", (_name, transport) => {
  test("a hundred calls at once are answered, and the log has the client's address", async () => {
    const { url, line } = await start();
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const client = createClient(AuthService, transport({ baseUrl: url, nodeOptions: trust() }));
    const audiences = Array.from({ length: 100 }, (_, index) => `audience-${index}`);
    const answers = await Promise.all(audiences.map((audience) => client.authorize({ audience })));
    expect(answers.map(({ decision }) => decision.case === "granted" && decision.value.principal?.userId)).toEqual(
      audiences,
    );
    expect((await line({ event: "request" })).peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test("a refusal keeps its code and words", async () => {
    const { url } = await start();
    const client = createClient(AuthService, transport({ baseUrl: url, nodeOptions: trust() }));
    await expect(client.logout({})).rejects.toMatchObject({ code: Code.NotFound, rawMessage: "no session" });
  });

  test("a client that does not believe the server's authority sends nothing", async () => {
    const { url, calls } = await start();
    const ca = (await createAuthority()).cert;
    const client = createClient(AuthService, transport({ baseUrl: url, nodeOptions: { ca } }));
    await expect(client.authorize({})).rejects.toThrow(/certificate|signature/i);
    expect(calls).toEqual([]);
  });
});

test("the stock gRPC client of Node is answered, and refused by a certificate for another name", async () => {
  const right = await start();
  const answer = await grpcUnary(grpcTlsClient(right.port, trust()), AuthService.method.authorize, { audience: "a" });
  expect(answer.value?.decision.value).toMatchObject({ principal: { userId: "a" } });
  const other = await issueServer(authority, { names: [{ type: "dns", value: "elsewhere.example" }] });
  const wrong = await startWireServer({ tls: writeTlsFiles(other).files });
  const refused = await grpcUnary(
    grpcTlsClient(wrong.port, trust()),
    AuthService.method.authorize,
    {},
    {
      deadline: Date.now() + 20_000,
    },
  );
  expect(refused.error?.code).toBe(Code.Unavailable);
  expect(wrong.calls).toEqual([]);
});

test("health and readiness are told over TLS, in plain HTTP and in gRPC", async () => {
  let isReady = true;
  const { port } = await start({ isReady: () => isReady });
  const client = grpcTlsClient(port, trust());
  const look = async () => [
    (await askTls1(port, trust(), { path: "/healthz" })).status,
    (await askTls1(port, trust(), { path: "/readyz" })).status,
    (await ask2(port, { path: "/readyz" }, sessionTls2(port, trust()))).status,
    (await grpcUnary(client, Health.method.check, {})).value?.status,
  ];
  const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
  expect(await look()).toEqual([200, 200, 200, SERVING]);
  isReady = false;
  expect(await look()).toEqual([200, 503, 503, NOT_SERVING]);
});

test("the stop lets calls over TLS finish, tells HTTP/2 clients to go away, and frees the port", async () => {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { port, server, calls } = await start({ work: () => finished });
  const session = sessionTls2(port, trust());
  const goaway = new Promise((resolve) => session.once("goaway", resolve));
  const answers = Promise.all([askTls1(port, trust(), post), ask2(port, post, session)]);
  await until(() => calls.length === 2, "both calls");
  const closed = server.close();
  expect(await goaway).toBe(0);
  expect(calls.map(({ signal }) => signal.aborted)).toEqual([false, false]);
  finish();
  expect((await answers).map(({ status }) => status)).toEqual([200, 200]);
  await closed;
  await expect(askTls1(port, trust(), post)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("connections that have not shaken hands, or ask nothing, do not hold up the stop", async () => {
  const { port, server } = await start({ timeouts: { lingerMs: 50, prefaceMs: 60_000, idleMs: 60_000 } });
  const dumb = await rawConnection(port);
  const [one, two] = [tlsConnection(port, trust()), tlsConnection(port, { ...trust(), ALPNProtocols: ["h2"] })];
  await Promise.all([one.secured, two.secured]);
  await Promise.all([server.close(), dumb.closed, one.closed, two.closed]);
  expect([dumb, one, two].map(({ socket }) => socket.destroyed)).toEqual([true, true, true]);
});
