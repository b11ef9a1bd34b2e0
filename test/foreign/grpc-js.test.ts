/** `@grpc/grpc-js` with `@grpc/proto-loader`, over the proto tree and, in the end, over reflection alone. */
import { rmSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Client, status } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { service as health } from "grpc-health-check";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { until } from "../support/wire-server.ts";
import {
  callGrpc,
  connectOverTls,
  connectTo,
  detailsOf,
  loadProtos,
  type Service,
  serviceIn,
} from "./support/grpc-js.ts";
import { askReflection, watchHealth } from "./support/grpc-js-streams.ts";
import { startSlowTarget, startTarget, startTlsTarget, type Target } from "./support/target.ts";
import { writeShippedProtos } from "./support/workshop.ts";

const PASSWORD = "kites over the harbour";
const AUTH = "sallyport.auth.v1.AuthService";

let folder: string;
let target: Target;
let slow: Target;
let client: Client;
let auth: Service;
let accounts: Service;
let admin: Service;

beforeAll(async () => {
  folder = temporaryFolder();
  const files = ["auth", "account", "admin"].map((name) => `sallyport/auth/v1/${name}_service.proto`);
  const contract = loadProtos(files, [writeShippedProtos(folder)]);
  auth = serviceIn(contract, AUTH);
  accounts = serviceIn(contract, "sallyport.auth.v1.AccountService");
  admin = serviceIn(contract, "sallyport.auth.v1.AdminService");
  [target, slow] = await Promise.all([startTarget(), startSlowTarget()]);
  client = connectTo(target.address);
});

afterAll(async () => {
  client.close();
  await Promise.all([target.close(), slow.close()]);
  rmSync(folder, { recursive: true });
});

const ask = (method: string, request: object) => callGrpc(client, auth, method, request).ended;
const bearer = (token: string): readonly [string, string] => ["authorization", `Bearer ${token}`];

async function welcome(username: string) {
  await ask("Signup", { username, password: PASSWORD });
  const { error, value } = await ask("Login", { identifier: username, password: PASSWORD });
  if (error !== null) throw error;
  return value;
}

it("a session from signup to logout", async () => {
  const { accessToken, refreshToken, user } = await welcome("grace");
  const granted = await ask("Authorize", { accessToken, anyRole: ["user"] });
  expect(granted.value).toMatchObject({ granted: { principal: { userId: user.id, roles: ["user"] } } });
  const denied = await ask("Authorize", { accessToken, allPermissions: ["orders:read"] });
  expect(denied.value).toMatchObject({
    denied: { reason: "DENIAL_REASON_PERMISSION_MISSING", missingPermissions: ["orders:read"] },
  });
  const { value: ended } = await ask("Logout", { refreshToken });
  const after = await ask("Authorize", { accessToken, minRevision: ended.revision });
  expect(after.value).toMatchObject({
    denied: { reason: "DENIAL_REASON_SESSION_REVOKED", nextStep: "NEXT_STEP_LOG_IN" },
  });
});

it("a session over TLS; with a server that it was not told of there is none", async () => {
  const tls = await startTlsTarget();
  const secured = connectOverTls(tls.address, tls.caFile);
  const over = (method: string, request: object) => callGrpc(secured, auth, method, request).ended;
  await over("Signup", { username: "ida", password: PASSWORD });
  const { value: tokens } = await over("Login", { identifier: "ida", password: PASSWORD });
  const metadata = [bearer(tokens.accessToken)];
  const account = await callGrpc(secured, accounts, "GetAccount", {}, { metadata }).ended;
  expect(account.value).toMatchObject({ user: { username: "ida" } });
  const { value: fresh } = await over("Refresh", { refreshToken: tokens.refreshToken });
  const { value: ended } = await over("Logout", { refreshToken: fresh.refreshToken });
  const denied = await over("Authorize", { accessToken: fresh.accessToken, minRevision: ended.revision });
  expect(denied.value).toMatchObject({ denied: { reason: "DENIAL_REASON_SESSION_REVOKED" } });
  const refused = await over("Refresh", { refreshToken: tokens.refreshToken });
  expect(refused.error).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(detailsOf(refused.error)).toContainEqual(expect.objectContaining({ reason: "ERROR_REASON_SESSION_ENDED" }));
  const trusting = connectOverTls(tls.address, tls.certFile);
  for (const wrong of [trusting, connectTo(tls.address)]) {
    const { error } = await callGrpc(wrong, auth, "Authorize", {}, { deadline: Date.now() + 5_000 }).ended;
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
    wrong.close();
  }
  secured.close();
  await tls.close();
});

it("a service over mTLS, by its certificate alone; and nobody without one", async () => {
  const tls = await startTlsTarget({ mutual: true });
  const orders = connectOverTls(tls.address, tls.caFile, tls);
  expect((await callGrpc(orders, admin, "ListUsers", {}).ended).value).toMatchObject({});
  const { error } = await callGrpc(orders, admin, "ListRoles", {}).ended;
  expect(error).toMatchObject({ code: status.PERMISSION_DENIED });
  const nobody = connectOverTls(tls.address, tls.caFile);
  const refused = await callGrpc(nobody, auth, "Authorize", {}, { deadline: Date.now() + 5_000 }).ended;
  expect(refused.error).toMatchObject({ code: status.UNAVAILABLE });
  for (const one of [orders, nobody]) one.close();
  await tls.close();
});

it("metadata carries the credential there, and the name of the request back", async () => {
  const { accessToken } = await welcome("ada");
  const metadata = [bearer(accessToken)];
  const { value, headers } = await callGrpc(client, accounts, "GetAccount", {}, { metadata }).ended;
  expect(value).toMatchObject({ user: { username: "ada" } });
  const [id] = headers.get("x-request-id");
  expect(id).toMatch(/^req_/);
  await until(() => target.log().includes(`"id":"${id}"`), "the request to be logged under that name");
});

it.each([
  ["Login", { identifier: "nobody", password: PASSWORD }, status.UNAUTHENTICATED, "CREDENTIALS_INVALID"],
  [
    "Signup",
    { username: "boss", password: PASSWORD, roles: ["admin"] },
    status.PERMISSION_DENIED,
    "ROLE_NOT_SELF_ASSIGNABLE",
  ],
  ["Refresh", { refreshToken: "made.up.token" }, status.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"],
  ["Logout", {}, status.UNAUTHENTICATED, "TOKEN_MISSING"],
])("%s of %j is refused with details in grpc-status-details-bin", async (method, request, code, reason) => {
  const { error } = await ask(method, request);
  expect(error).toMatchObject({ code });
  expect(detailsOf(error)).toContainEqual(
    expect.objectContaining({ reason: `ERROR_REASON_${reason}`, domain: "sallyport" }),
  );
});

it("bad input names its field", async () => {
  const { error } = await ask("Signup", { username: "shorty", password: "short" });
  expect(error).toMatchObject({ code: status.INVALID_ARGUMENT });
  expect(detailsOf(error)).toContainEqual(
    expect.objectContaining({ fieldViolations: [expect.objectContaining({ field: "password" })] }),
  );
});

it("an authorization that is no bearer's is refused", async () => {
  for (const authorization of ["Basic YTpi", "Bearer", "Bearer a b"]) {
    const metadata = [["authorization", authorization] as const];
    const { error } = await callGrpc(client, accounts, "GetAccount", {}, { metadata }).ended;
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT });
  }
});

it("sixteen refreshes at once with one token stay on one branch, which goes on", async () => {
  const { refreshToken, user } = await welcome("cyd");
  const endings = await Promise.all(Array.from({ length: 16 }, () => ask("Refresh", { refreshToken })));
  expect(endings.map(({ error }) => error)).toEqual(Array(16).fill(null));
  const generations = new Set(endings.map(({ value }) => decodeJwt(value.refreshToken).gen));
  expect(generations.size).toBe(1);
  for (const { value } of endings) {
    const { value: decision } = await ask("Authorize", { accessToken: value.accessToken });
    expect(decision).toMatchObject({ granted: { principal: { userId: user.id } } });
  }
  const next = await ask("Refresh", { refreshToken: endings[7]?.value.refreshToken });
  expect(generations).not.toContain(decodeJwt(next.value.refreshToken).gen);
});

it("a deadline and a cancel end the wait for a slow check, here and at the server", async () => {
  const impatient = connectTo(slow.address);
  const login = { identifier: "nobody", password: PASSWORD };
  const late = await callGrpc(impatient, auth, "Login", login, { deadline: Date.now() + 300 }).ended;
  expect(late.error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  // Whether the server's own clock or the client's farewell comes first is a matter of milliseconds.
  const ended = () => slow.log().match(/Login".*"code":"(CANCELLED|DEADLINE_EXCEEDED)"/g)?.length;
  await until(() => ended() === 1, "the server to give up");
  const givenUp = callGrpc(impatient, auth, "Login", login);
  setTimeout(givenUp.cancel, 300);
  expect((await givenUp.ended).error).toMatchObject({ code: status.CANCELLED });
  await until(() => ended() === 2, "the server to hear of the cancel");
  const { value } = await callGrpc(impatient, auth, "Authorize", { accessToken: "made.up.token" }).ended;
  expect(value).toMatchObject({ denied: { reason: "DENIAL_REASON_TOKEN_INVALID" } });
  impatient.close();
});

it("the stock health client is answered, and told by its stream when the server stops", async () => {
  for (const service of ["", AUTH]) {
    const { value } = await callGrpc(client, health, "Check", { service }).ended;
    expect(value).toMatchObject({ status: "SERVING" });
  }
  const unknown = await callGrpc(client, health, "Check", { service: "nobody.v1.Nothing" }).ended;
  expect(unknown.error).toMatchObject({ code: status.NOT_FOUND });
  const stopping = await startTarget();
  const watcher = connectTo(stopping.address);
  const { seen, ended } = watchHealth(watcher, AUTH);
  await until(() => seen.length === 1, "the first status");
  await stopping.close();
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(seen).toEqual(["SERVING", "NOT_SERVING"]);
  watcher.close();
});

it.each(["v1", "v1alpha"] as const)("a client that knows only reflection %s can log in", async (version) => {
  const files = await askReflection(client, version, AUTH);
  const set = create(FileDescriptorSetSchema, {
    file: files.map((file) => fromBinary(FileDescriptorProtoSchema, file)),
  });
  const reflected = loadFileDescriptorSetFromBuffer(Buffer.from(toBinary(FileDescriptorSetSchema, set)));
  await welcome(`reflected-${version}`);
  const login = { identifier: `reflected-${version}`, password: PASSWORD };
  const { value } = await callGrpc(client, serviceIn(reflected, AUTH), "Login", login).ended;
  expect(value).toMatchObject({ user: { username: `reflected-${version}` } });
});
