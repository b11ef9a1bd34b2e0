/** Services that call by their certificates: the whole instance behind TLS. */
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import {
  type Authority,
  createAuthority,
  issueServer,
  type Pair,
  tlsSettings,
  writeTlsFiles,
} from "../support/certificates.ts";
import { expectObeyed } from "../support/obeyed.ts";
import { passwordOf } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { until } from "../support/wire-server.ts";

let app: TestApp;
let authority: Authority;
let clients: Authority;
let accessToken: string;

beforeEach(async () => {
  authority = await createAuthority();
  clients = await createAuthority("Clients");
  const { files } = writeTlsFiles(await issueServer(authority), clients.cert);
  app = await startApp({ settings: { ...tlsSettings(files), SALLYPORT_AUTHORIZE_CALLERS: "services" } });
  const { auth } = await callerOf("anybody");
  await auth.signup({ username: "grace", password: passwordOf("grace") });
  accessToken = (await auth.login({ identifier: "grace", password: passwordOf("grace") })).accessToken;
});
afterEach(() => app.close());

/** Clients that show a certificate with this name, and the credential if one is given. */
async function callerOf(commonName: string, authorization: string | null = null) {
  return clientsOver(await clients.issue({ subject: `CN=${commonName}`, usage: "client" }), authorization);
}

type Options = {
  readonly baseUrl: string;
  readonly httpVersion: "2";
  readonly interceptors: Interceptor[];
  readonly nodeOptions: Pair & { readonly ca: string };
};

function clientsOver(
  own: Pair,
  authorization: string | null,
  transportTo: (options: Options) => Transport = createConnectTransport,
) {
  const authorize: Interceptor = (next) => (request) => {
    if (authorization !== null) request.header.set("authorization", authorization);
    return next(request);
  };
  const nodeOptions = { ca: authority.cert, ...own };
  const options = { baseUrl: app.url, httpVersion: "2" as const, interceptors: [authorize], nodeOptions };
  const over = transportTo(options);
  return {
    auth: createClient(AuthService, over),
    account: createClient(AccountService, over),
    admin: createClient(AdminService, over),
  };
}

/** Makes a service, and waits until the instance knows it. */
async function addService(name: string, permissions: readonly string[]) {
  const { apiKey } = await app.beside(({ services }) => services.create(name, permissions, null));
  const { auth } = await callerOf("anybody", `Bearer ${apiKey}`);
  await expectObeyed(performance.now(), () => auth.authorize({ accessToken }).then(Boolean, () => false));
  return { apiKey };
}

describe("A service that calls by its certificate", () => {
  test("is let in without a header, over Connect and gRPC, and its use is noted", async () => {
    await addService("orders", []);
    const own = await clients.issue({ subject: "CN=service:orders", usage: "client" });
    for (const transportTo of [createConnectTransport, createGrpcTransport] as const) {
      const { decision } = await clientsOver(own, null, transportTo).auth.authorize({ accessToken });
      expect(decision).toMatchObject({ case: "granted" });
    }
    const uses = app.logged().filter(({ rpc }) => rpc === "sallyport.auth.v1.AuthService/Authorize");
    expect(uses.at(-1)?.subject).toMatch(/^svc_/);
  });

  test("opens an RPC by the permission that its rule names, and by no other", async () => {
    await addService("reader", ["users:read"]);
    const { admin } = await callerOf("service:reader");
    expect((await admin.listUsers({})).users.map(({ username }) => username)).toEqual(["grace"]);
    expect(await refusalOf(admin.listRoles({}))).toMatchObject({ reason: "PERMISSION_MISSING" });
  });

  test("is no user, whatever it may do", async () => {
    await addService("mighty", ["*"]);
    const { account } = await callerOf("service:mighty");
    expect(await refusalOf(account.getAccount({}))).toMatchObject({ code: "Unauthenticated" });
  });

  test("is nobody once it is revoked, on connections that are open too", async () => {
    await addService("fleeting", []);
    const { auth } = await callerOf("service:fleeting");
    await auth.authorize({ accessToken });
    await app.beside(({ services }) => services.revoke("fleeting", null));
    await expectObeyed(performance.now(), () =>
      auth.authorize({ accessToken }).then(
        () => false,
        () => true,
      ),
    );
    expect(await refusalOf(auth.authorize({ accessToken }))).toMatchObject({ reason: "TOKEN_MISSING" });
  });

  test("is nobody once its certificate has expired, on connections that are open too", async () => {
    await addService("orders", []);
    const { auth } = await callerOf("service:orders");
    expect((await auth.authorize({ accessToken })).decision).toMatchObject({ case: "granted" });
    app.clock.advance(25 * 3_600_000);
    expect(await refusalOf(auth.authorize({ accessToken }))).toMatchObject({ reason: "TOKEN_MISSING" });
  });
});

describe("A certificate stands for nobody", () => {
  test.each(["service:nobody", "orders", "service:ORDERS", "service:orders:admin", "service:service:orders"])(
    "if it is for %s, which is no service",
    async (name) => {
      await addService("orders", ["*"]);
      const { auth, admin } = await callerOf(name);
      expect(await refusalOf(auth.authorize({ accessToken }))).toMatchObject({ reason: "TOKEN_MISSING" });
      expect(await refusalOf(admin.listUsers({}))).toMatchObject({ reason: "TOKEN_MISSING" });
    },
  );
});

describe("An authorization header, whoever the certificate stands for, decides", () => {
  test("which service calls", async () => {
    const { apiKey } = await addService("idle", []);
    await addService("mighty", ["*"]);
    const { admin } = await callerOf("service:mighty", `Bearer ${apiKey}`);
    expect(await refusalOf(admin.listUsers({}))).toMatchObject({ reason: "PERMISSION_MISSING" });
  });

  test("that a user calls", async () => {
    await addService("mighty", ["*"]);
    const { account, admin } = await callerOf("service:mighty", `Bearer ${accessToken}`);
    expect((await account.getAccount({})).user?.username).toBe("grace");
    expect(await refusalOf(admin.listUsers({}))).toMatchObject({ reason: "PERMISSION_MISSING" });
  });

  test.each([
    ["Bearer garbage", "TOKEN_INVALID"],
    [`Bearer sallyport_svk_${"A".repeat(43)}`, "TOKEN_INVALID"],
    ["Basic b3JkZXJzOg==", "AUTHORIZATION_MALFORMED"],
    ["Bearer", "AUTHORIZATION_MALFORMED"],
    ["", "AUTHORIZATION_MALFORMED"],
  ])("that nobody does, if it is %j", async (header, reason) => {
    await addService("mighty", ["*"]);
    const { auth, admin } = await callerOf("service:mighty", header);
    expect(await refusalOf(auth.authorize({ accessToken }))).toMatchObject({ reason });
    expect(await refusalOf(admin.listUsers({}))).toMatchObject({ reason });
  });
});

test("whoever has no certificate reaches nothing, not even what anyone may call", async () => {
  const transport = createConnectTransport({
    baseUrl: app.url,
    httpVersion: "2",
    nodeOptions: { ca: authority.cert },
  });
  const { apiKey } = await addService("orders", []);
  const options = { headers: { authorization: `Bearer ${apiKey}` } };
  await expect(createClient(AuthService, transport).authorize({ accessToken }, options)).rejects.toThrow();
  await until(() => app.logged().some(({ event }) => event === "handshake_failed"), "the refusal in the log");
});
