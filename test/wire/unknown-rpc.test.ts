/** Calls of RPCs that do not exist. */
import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { envelope, VERSIONS } from "../support/wire-raw.ts";
import { startWireServer } from "../support/wire-server.ts";

const PATHS = ["/nobody.v1.Nothing/Do", "/sallyport.auth.v1.AuthService/NoSuchMethod"];

describe.each(VERSIONS)("over %s an unknown RPC is UNIMPLEMENTED", (_version, ask) => {
  test.each(["application/json", "application/proto"])("in unary Connect: 404 and a JSON error (%s)", async (type) => {
    const { port } = await startWireServer();
    for (const path of PATHS) {
      const answer = await ask(port, { method: "POST", path, headers: { "content-type": type }, body: "{}" });
      expect(answer.status).toBe(404);
      expect(answer.headers["content-type"]).toBe("application/json");
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "unimplemented" });
    }
  });

  test("in streaming Connect: the last message says so", async () => {
    const { port } = await startWireServer();
    for (const path of PATHS) {
      const headers = { "content-type": "application/connect+json" };
      const answer = await ask(port, { method: "POST", path, headers, body: envelope(Buffer.from("{}")) });
      expect(answer.status).toBe(200);
      expect(answer.headers["content-type"]).toBe("application/connect+json");
      expect(answer.body[0]).toBe(2);
      expect(answer.body.readUInt32BE(1)).toBe(answer.body.length - 5);
      expect(JSON.parse(answer.body.subarray(5).toString())).toMatchObject({ error: { code: "unimplemented" } });
    }
  });

  test.each([
    ["application/grpc", "application/grpc+proto"],
    ["application/grpc+json", "application/grpc+proto"],
    ["application/grpc-web+proto", "application/grpc-web+proto"],
    ["application/grpc-web-text", "application/grpc-web+proto"],
  ])("in %s: 200 with status 12 in the headers, and no body", async (type, answeredType) => {
    const { port } = await startWireServer();
    for (const path of [...PATHS, "/oddly/deep/path"]) {
      const body = envelope(Buffer.alloc(0));
      const answer = await ask(port, { method: "POST", path, headers: { "content-type": type }, body });
      expect(answer.status).toBe(200);
      expect(answer.headers["content-type"]).toBe(answeredType);
      expect(answer.headers["grpc-status"]).toBe("12");
      expect(answer.body).toHaveLength(0);
    }
  });
});

const TRANSPORTS: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
];
test.each(TRANSPORTS)("a client of %s understands it", async (_name, transportTo) => {
  const { url } = await startWireServer();
  // Named to health and reflection, but registered by nobody.
  const refused = createClient(AccountService, transportTo(url)).listSessions({});
  await expect(refused).rejects.toMatchObject({ code: Code.Unimplemented });
});

test("a streaming client of Connect understands it", async () => {
  const { url } = await startWireServer();
  const transport = createConnectTransport({ baseUrl: `${url}/elsewhere`, httpVersion: "2" });
  const stream = createClient(ServerReflection, transport).serverReflectionInfo((async function* () {})());
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: Code.Unimplemented });
});
