/** Client certificates: who is let in, and whom the certificate stands for. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import type { JsonGeneralNames } from "@peculiar/x509";
import { beforeAll, describe, expect, test } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import {
  type Authority,
  createAuthority,
  hoursFromNow,
  issueServer,
  type Pair,
  type Stated,
  writeTlsFiles,
} from "../support/certificates.ts";
import { grpcUnary } from "../support/wire-grpc.ts";
import { ask2 } from "../support/wire-raw.ts";
import { startWireServer } from "../support/wire-server.ts";
import { askTls1, grpcTlsClient, sessionTls2, tlsConnection } from "../support/wire-tls.ts";

const PATH = "/sallyport.auth.v1.AuthService/Authorize";
const post = { method: "POST", path: PATH, headers: { "content-type": "application/json" }, body: "{}" };

let authority: Authority;
let clients: Authority;
let pair: Pair;
beforeAll(async () => {
  authority = await createAuthority();
  clients = await createAuthority("Clients");
  pair = await issueServer(authority);
});

const start = (clientCa: string | undefined = clients.cert) =>
  startWireServer({ tls: writeTlsFiles(pair, clientCa).files });
const trust = (own: Partial<Pair> = {}) => ({ ca: authority.cert, ...own });

describe("Where authorities of clients are set", () => {
  test("a client with a certificate of theirs is served, over every protocol", async () => {
    const { url, port, calls } = await start();
    const own = await clients.issue({ usage: "client" });
    const options = { baseUrl: url, nodeOptions: trust(own) };
    for (const transport of [
      createConnectTransport({ ...options, httpVersion: "1.1" }),
      createConnectTransport({ ...options, httpVersion: "2" }),
      createGrpcWebTransport({ ...options, httpVersion: "2" }),
    ]) {
      await createClient(AuthService, transport).authorize({ audience: "orders" });
    }
    const answer = await grpcUnary(grpcTlsClient(port, trust(own)), AuthService.method.authorize, {});
    expect(answer.error).toBeNull();
    expect(calls).toHaveLength(4);
  });

  const STRANGERS: Readonly<Record<string, () => Promise<Partial<Pair>>>> = {
    "without a certificate": async () => ({}),
    "with a certificate of another authority": async () => (await createAuthority("Somebody")).issue(),
    "with a certificate of another authority of the same name": async () => (await createAuthority("Clients")).issue(),
    "with a certificate of the server's authority": () => authority.issue({ usage: "client" }),
    "with the server's own certificate": async () => pair,
    "with an expired certificate": () => clients.issue({ notBefore: hoursFromNow(-3), notAfter: hoursFromNow(-1) }),
    "with a certificate that is not valid yet": () =>
      clients.issue({ notBefore: hoursFromNow(1), notAfter: hoursFromNow(3) }),
    "with a certificate for servers alone": () => clients.issue({ usage: "server" }),
  };

  test.each(Object.keys(STRANGERS))("a client %s is refused, in either version of TLS", async (who) => {
    const { port, calls, lines } = await start();
    const own = await STRANGERS[who]?.();
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      await expect(askTls1(port, { ...trust(own), maxVersion }, post)).rejects.toThrow();
      const answer = await ask2(port, post, sessionTls2(port, { ...trust(own), maxVersion })).catch(() => null);
      // A session that is cut leaves its client with no status, or with an error.
      expect(answer?.status ?? Number.NaN).toBeNaN();
    }
    expect(calls).toEqual([]);
    expect(lines.filter(({ event }) => event === "request" || event === "http")).toEqual([]);
    expect((await askTls1(port, trust(await clients.issue()), post)).status).toBe(200);
  });

  test("health is for those who are let in, like everything else", async () => {
    const { port } = await start();
    await expect(askTls1(port, trust(), { path: "/healthz" })).rejects.toThrow();
    expect((await askTls1(port, trust(await clients.issue()), { path: "/healthz" })).status).toBe(200);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("no session of %s is resumed", async (maxVersion) => {
    const { port } = await start();
    const options = { ...trust(await clients.issue()), maxVersion };
    const first = tlsConnection(port, options);
    let session: Buffer | undefined;
    first.socket.on("session", (ticket) => {
      session = ticket;
    });
    first.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await first.closed;
    const second = tlsConnection(port, { ...options, session: session ?? first.socket.getSession() });
    await second.secured;
    expect(second.socket.isSessionReused()).toBe(false);
  });

  test("several authorities in one file all count", async () => {
    const others = await createAuthority("Others");
    const { port } = await start(`${clients.cert}\n${others.cert}`);
    for (const { issue } of [clients, others]) {
      expect((await askTls1(port, trust(await issue()), post)).status).toBe(200);
    }
  });
});

test("where no authorities of clients are set, a certificate is not asked for and stands for nobody", async () => {
  const { port, calls } = await startWireServer({ tls: writeTlsFiles(pair).files });
  const own = await clients.issue({ subject: "CN=service:orders" });
  expect((await askTls1(port, trust(own), post)).status).toBe(200);
  expect(calls[0]?.call.certificateService).toBeNull();
});

describe("A certificate stands for", () => {
  const uri = (value: string) => ({ type: "url" as const, value });
  const dns = (value: string) => ({ type: "dns" as const, value });
  const email = { type: "email" as const, value: "a@b.example" };
  const NAMES: readonly (readonly [string, string, JsonGeneralNames, string | null])[] = [
    ["the service in its only alternative name", "CN=orders", [uri("service:orders")], "orders"],
    ["the service in its first URI", "CN=orders", [uri("service:orders"), uri("service:billing")], "orders"],
    ["the service in its common name, if it has no other", "CN=service:orders", [], "orders"],
    ["the service in its common name, beside an address", "CN=service:orders", [email], "orders"],
    ["the service in a URI behind an address", "CN=a", [email, uri("service:orders")], "orders"],
    ["nobody, by a common name beside a DNS name", "CN=service:orders", [dns("orders.example")], null],
    ["nobody, by a URI behind a DNS name", "CN=a", [dns("orders.example"), uri("service:orders")], null],
    ["nobody, by a second URI", "CN=a", [uri("spiffe://example/orders"), uri("service:orders")], null],
    ["nobody, by a URI that only contains a service", "CN=a", [uri("x:service:orders")], null],
    ["nobody, by a URI that looks like two", "CN=service:orders", [uri("a, URI:service:orders")], null],
    ["nobody, by a quoted URI", "CN=a", [uri('"service:orders"')], null],
    ["nobody, by an e-mail address", "CN=a", [{ type: "email", value: "service:orders" }], null],
    ["nobody, by a directory name with a comma", "CN=a", [{ type: "dn", value: "CN=a\\, URI:service:orders" }], null],
    ["nobody, by a directory name of parts", "CN=a", [{ type: "dn", value: "CN=a, O=service:orders" }], null],
    ["nobody, by an address with a comma", "CN=a", [{ type: "email", value: "a, URI:service:orders" }], null],
    ["nobody, by a scheme in capitals", "CN=Service:orders", [], null],
    ["nobody, by a plain common name", "CN=orders", [], null],
    ["nobody, by an empty name", "CN=service:", [], null],
    ["nobody, by one of two common names", "CN=service:orders, CN=service:billing", [], null],
    ["nobody, by another part of the subject", "O=service:orders", [], null],
    ["another service, by a name with more to it", "CN=service:orders ", [uri("service:orders2")], "orders2"],
  ];

  test.each(NAMES)("%s", async (_who, subject, names, service) => {
    const { port, calls } = await start();
    const stated: Stated = { subject, names, usage: "client" };
    const own = trust(await clients.issue(stated));
    await askTls1(port, own, post);
    await ask2(port, post, sessionTls2(port, own));
    expect(calls.map(({ call }) => call.certificateService)).toEqual([service, service]);
  });
});
