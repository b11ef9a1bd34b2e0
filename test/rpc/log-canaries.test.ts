/** That no secret is ever written: canaries through every field that holds one, and a look at all that was said. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listKeys } from "../../src/store/queries/keys.ts";
import { createMasterKeys } from "../../src/tokens/master-key.ts";
import { temporaryFolder } from "../support/app.ts";
import { type Canaries, createCanaries } from "../support/canaries.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { servicesOfContract } from "../support/contract.ts";
import { workOn } from "../support/folder.ts";
import { secretRequestsOf, secretsIn } from "../support/redacted-fields.ts";
import { runCommand, type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { ask1, ask2 } from "../support/wire-raw.ts";

const folder = temporaryFolder();
const masterKey = randomBytes(32);
const settings = {
  SALLYPORT_DATA_DIR: folder,
  SALLYPORT_LOG_LEVEL: "debug",
  SALLYPORT_MASTER_KEY: masterKey.toString("base64url"),
};
const canaries: Canaries = createCanaries();
/** Everything that any of the processes wrote. */
const written: string[] = [];
let calls = 0;
let server: ServerProcess;
let port: number;

const PATH = "/sallyport.auth.v1.AuthService";
const JSON_TYPE = { "content-type": "application/json" };

beforeAll(async () => {
  server = await startServerProcess(settings);
  port = Number(new URL(server.url).port);
  await callEveryMethod();
  await liveALife();
  await sendWhatIsMalformed();
  await breakTheDatabase();
  await runCommands();
  await server.end("SIGTERM");
  written.push(server.output().stdout, server.output().stderr);
  await collectWhatIsStored();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A canary in each field that is marked, of each method, over each form of the wire: good ones, bad ones, too long ones. */
async function callEveryMethod(): Promise<void> {
  const requests = (await servicesOfContract()).flatMap(({ methods }) => methods).flatMap(secretRequestsOf);
  for (const { method, holding, isBytes } of requests) {
    if (method.methodKind !== "unary") continue;
    for (const { transport } of WIRE_FORMS) {
      const over = transport({ baseUrl: server.url });
      for (const secret of [canaries.make(), canaries.makeJwt(), canaries.make().repeat(300)]) {
        const beside = { username: `u${calls}`, identifier: "ada", correlation_id: "one" };
        const json = holding(isBytes ? Buffer.from(secret).toString("base64") : secret, beside);
        const message = fromJson(method.input, JSON.parse(JSON.stringify(json)) satisfies JsonValue);
        const header = { authorization: `Bearer ${canaries.make()}` };
        calls += 1;
        const answer = await over.unary({ ...method }, undefined, undefined, header, message).catch(() => null);
        if (answer !== null) for (const told of secretsIn(reflect(method.output, answer.message))) canaries.add(told);
      }
    }
  }
}

/** Everything that succeeds, with secrets that are really issued, and the refusals that come of using them wrongly. */
async function liveALife(): Promise<void> {
  const password = canaries.make();
  const { auth } = clientsOf(server.url);
  await auth.signup({ username: "zoe", password });
  const login = { identifier: "zoe", password };
  const tokens = await auth.login(login);
  const attemptId = Buffer.from(canaries.make());
  const fresh = await auth.refresh({ refreshToken: tokens.refreshToken, attemptId });
  const again = await auth.refresh({ refreshToken: tokens.refreshToken, attemptId });
  const last = await auth.refresh({ refreshToken: fresh.refreshToken });
  const superseded = auth.refresh({ refreshToken: tokens.refreshToken });
  await expect(superseded).rejects.toThrow();
  for (const issued of [tokens, fresh, again, last]) {
    canaries.add(issued.accessToken);
    canaries.add(issued.refreshToken);
    for (const token of [issued.accessToken, issued.refreshToken]) canaries.add(token.split(".")[2] ?? "");
  }
  const { account } = clientsOf(server.url, last.accessToken);
  await account.getAccount({});
  await account.listSessions({ pageSize: 1 });
  await auth.authorize({ accessToken: last.accessToken });
  await auth.authorize({ accessToken: last.refreshToken });
  await auth.batchAuthorize({ items: [{ correlationId: "one", request: { accessToken: last.accessToken } }] });
  const { apiKey } = await workOn(folder, ({ services }) => services.create("orders", ["users:read"], null), settings);
  canaries.add(apiKey);
  await expect
    .poll(() =>
      clientsOf(server.url, apiKey)
        .admin.listUsers({})
        .catch(() => null),
    )
    .not.toBeNull();
  await auth.authorize({ accessToken: apiKey });
  await auth.logout({ refreshToken: last.refreshToken });
  await expect(auth.login({ ...login, password: canaries.make() })).rejects.toThrow();
}

/** Requests that no client of ours would make. */
async function sendWhatIsMalformed(): Promise<void> {
  const post = (method: string, body: string | Buffer, headers: Record<string, string | string[]> = JSON_TYPE) =>
    ask1(port, { method: "POST", path: `${PATH}/${method}`, headers, body });
  const bodies = [
    (secret: string) => `{"identifier": "ada", "password": "${secret}`,
    (secret: string) => `{"identifier": "ada", "password": ${secret}}`,
    (secret: string) => `{"identifier": "ada", "password": {"${secret}": "${secret}"}}`,
    (secret: string) => `{"identifier": "ada", "password": ["${secret}"]}`,
    (secret: string) => `{"identifier": "ada", "password": "${secret}", "password": "${secret}"}`,
    (secret: string) => `{"identifier": "ada", "passwort": "${secret}"}`,
    (secret: string) => `{"identifier": "ada", "password": "\\ud800${secret}"}`,
    (secret: string) => `{"refreshToken": "${secret}", "attemptId": "${secret} is not base64!"}`,
    (secret: string) => `{"${secret}": 1}`,
    (secret: string) => secret,
  ];
  for (const body of bodies) {
    for (const method of ["Login", "Refresh"]) await post(method, body(canaries.make()));
    await post("Login", body(canaries.make()), { "content-type": "application/proto" });
    await post("Login", body(canaries.make()), { "content-type": "application/grpc-web+proto" });
  }
  const secret = () => encodeURIComponent(canaries.make());
  for (const ask of [ask1, ask2]) {
    await ask(port, {
      path: `${PATH}/Authorize?encoding=json&message={"accessToken":"${secret()}"}`.replaceAll('"', "%22"),
    });
    await ask(port, { path: `/?access_token=${secret()}` });
    await ask(port, { path: `/callback/${secret()}` });
    await ask(port, { method: "POST", path: `${PATH}/${secret()}`, headers: JSON_TYPE, body: "{}" });
    await ask(port, { path: "/", headers: { cookie: `session=${canaries.make()}`, "x-api-key": canaries.make() } });
    const get = (authorization: string | string[]) =>
      ask(port, {
        method: "POST",
        path: "/sallyport.auth.v1.AccountService/GetAccount",
        headers: { ...JSON_TYPE, authorization },
        body: "{}",
      });
    await get(`Bearer ${canaries.makeJwt()}`);
    await get(`Basic ${Buffer.from(`ada:${canaries.make()}`).toString("base64")}`);
    await get(`Bearer ${canaries.make()} ${canaries.make()}`);
    await get(canaries.make());
  }
  await post("Logout", "{}", {
    ...JSON_TYPE,
    authorization: [`Bearer ${canaries.make()}`, `Bearer ${canaries.make()}`],
  });
}

/** Faults of ours, which are told with their causes. */
async function breakTheDatabase(): Promise<void> {
  const operator = new Database(join(folder, "sallyport.db"));
  operator.pragma("busy_timeout = 5000");
  operator.exec("alter table users rename to hidden");
  const { auth } = clientsOf(server.url);
  const password = canaries.make();
  await expect(auth.signup({ username: "eve", password })).rejects.toThrow("internal error");
  await expect(auth.login({ identifier: "zoe", password })).rejects.toThrow("internal error");
  operator.exec("alter table hidden rename to users");
  operator.close();
}

async function runCommands(): Promise<void> {
  for (const args of [["zed"], ["zed"], ["zed", "--role", "wizard"]]) {
    const { stdout, stderr } = await runCommand(["users", "create", ...args], settings, canaries.make());
    written.push(stdout, stderr);
  }
  const { stdout, stderr } = await runCommand(["keys", "list", "--json"], settings);
  written.push(stdout, stderr);
}

/** What the database keeps is secret too: hashes, and keys in the clear and encrypted. */
async function collectWhatIsStored(): Promise<void> {
  const { users, services, keys } = await workOn(
    folder,
    ({ store }) =>
      store.read(async (db) => ({
        users: await db.selectFrom("users").select("password_hash").execute(),
        services: await db.selectFrom("services").select("key_hash").execute(),
        keys: await listKeys(db),
      })),
    settings,
  );
  stored.add(masterKey.toString("base64url"));
  for (const { password_hash } of users) for (const part of password_hash.split("$").slice(-2)) stored.add(part);
  for (const { key_hash } of services) stored.add(key_hash);
  const { decrypt } = createMasterKeys([masterKey]);
  for (const { private_jwe } of keys) {
    stored.add(private_jwe);
    const { d, k }: { d?: string; k?: string } = JSON.parse(Buffer.from(await decrypt(private_jwe)).toString());
    stored.add(d ?? k ?? "");
  }
}

const stored = createCanaries();

describe("After canaries through everything that takes or gives a secret", () => {
  it("none of them is in anything that was written", () => {
    expect(canaries.count()).toBeGreaterThan(300);
    expect(canaries.foundIn(written.join("\n"))).toEqual([]);
  });

  it("neither is a hash, a key or the master key", () => {
    expect(stored.count()).toBeGreaterThan(10);
    expect(stored.foundIn(written.join("\n"))).toEqual([]);
  });

  it("none of them is in any file of the data folder: what is stored there opens nothing", () => {
    const files = readdirSync(folder);
    expect(files).toContain("sallyport.db");
    for (const file of files) {
      const text = readFileSync(join(folder, file), "latin1");
      expect(canaries.foundIn(text), file).toEqual([]);
    }
  });

  it("the log was at work all the while, faults and all", () => {
    const { stdout, stderr } = server.output();
    expect(stdout).toBe(`sallyport listening on ${server.url}\n`);
    const lines: Record<string, unknown>[] = stderr
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
    const requests = lines.filter(({ event }) => event === "request");
    expect(requests.length).toBeGreaterThan(calls);
    expect(requests.filter(({ code }) => code === "OK").length).toBeGreaterThan(20);
    expect(requests.filter(({ code }) => code === "INTERNAL")).toHaveLength(2);
    expect(lines.filter(({ event }) => event === "http").length).toBeGreaterThan(0);
    expect(lines.filter(({ msg }) => msg === "security event").length).toBeGreaterThan(20);
  });
});
