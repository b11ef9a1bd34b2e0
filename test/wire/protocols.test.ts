/** The same call over every protocol and HTTP version that carries it. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { AuthorizeRequestSchema, AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { grpcClient, grpcUnary } from "../support/wire-grpc.ts";
import { ask1, envelope } from "../support/wire-raw.ts";
import { startWireServer } from "../support/wire-server.ts";

const AUTHORIZE = "/sallyport.auth.v1.AuthService/Authorize";

const TRANSPORTS: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["Connect JSON over HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect JSON over HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  [
    "Connect binary over HTTP/1.1",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }),
  ],
  [
    "Connect binary over HTTP/2",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  ],
  ["gRPC-Web over HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web over HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC-Web with JSON", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC with JSON", (baseUrl) => createGrpcTransport({ baseUrl, useBinaryFormat: false })],
];

describe.each(TRANSPORTS)("%s", (_name, transportTo) => {
  test("a call is answered, and its answer names the request", async () => {
    const { url } = await startWireServer();
    let requestId: string | null = null;
    const answer = await createClient(AuthService, transportTo(url)).authorize(
      { audience: "orders", anyRole: ["admin"] },
      {
        onHeader(header) {
          requestId = header.get("x-request-id");
        },
      },
    );
    expect(answer.decision.value).toMatchObject({ principal: { userId: "orders", roles: ["admin"] } });
    expect(requestId).toMatch(/^req_[0-9a-f-]{36}$/);
  });

  test("a refusal keeps its code and words", async () => {
    const { url } = await startWireServer();
    const refused = createClient(AuthService, transportTo(url)).logout({});
    await expect(refused).rejects.toMatchObject({ code: Code.NotFound, rawMessage: "no session" });
  });

  test("a method that is not implemented is UNIMPLEMENTED", async () => {
    const { url } = await startWireServer();
    const refused = createClient(AuthService, transportTo(url)).signup({});
    await expect(refused).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test("a hundred calls at once all get their own answer", async () => {
    const { url } = await startWireServer();
    const client = createClient(AuthService, transportTo(url));
    const audiences = Array.from({ length: 100 }, (_, index) => `audience-${index}`);
    const answers = await Promise.all(audiences.map((audience) => client.authorize({ audience })));
    expect(answers.map(({ decision }) => decision.case === "granted" && decision.value.principal?.userId)).toEqual(
      audiences,
    );
  });
});

test("gRPC with the stock client of Node is answered and refused alike", async () => {
  const { port } = await startWireServer();
  const client = grpcClient(port);
  const answer = await grpcUnary(client, AuthService.method.authorize, { audience: "orders" });
  expect(answer.error).toBeNull();
  expect(answer.value?.decision.value).toMatchObject({ principal: { userId: "orders" } });
  const refused = await grpcUnary(client, AuthService.method.logout, {});
  expect(refused.error).toMatchObject({ code: status.NOT_FOUND, details: "no session" });
});

test("gRPC over HTTP/1.1 is answered with its status in the trailers", async () => {
  const { port } = await startWireServer();
  const headers = { "content-type": "application/grpc+proto", te: "trailers" };
  const body = envelope(toBinary(AuthorizeRequestSchema, create(AuthorizeRequestSchema, { audience: "orders" })));
  const answer = await ask1(port, { method: "POST", path: AUTHORIZE, headers, body });
  expect(answer.status).toBe(200);
  expect(answer.trailers["grpc-status"]).toBe("0");
  expect(answer.body.toString()).toContain("orders");
});

test("a compressed request is read, and a large answer is compressed where the client takes gzip", async () => {
  const { url, calls } = await startWireServer();
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "2",
    sendCompression: compressionGzip,
    acceptCompression: [compressionGzip],
    compressMinBytes: 1,
  });
  const audience = "x".repeat(4000);
  let encoding: string | null = null;
  const onHeader = (header: Headers) => {
    encoding = header.get("content-encoding");
  };
  const answer = await createClient(AuthService, transport).authorize({ audience }, { onHeader });
  expect(answer.decision.value).toMatchObject({ principal: { userId: audience } });
  expect(calls[0]?.message.audience).toBe(audience);
  expect(encoding).toBe("gzip");
});

test("brotli is not spoken, and the client is told what is", async () => {
  const { url } = await startWireServer();
  const transport = createGrpcTransport({ baseUrl: url, sendCompression: compressionBrotli, compressMinBytes: 1 });
  const refused = await createClient(AuthService, transport)
    .authorize({ audience: "a" })
    .catch((error: unknown) => ConnectError.from(error));
  expect(refused).toMatchObject({ code: Code.Unimplemented, rawMessage: expect.stringContaining("gzip") });
});
