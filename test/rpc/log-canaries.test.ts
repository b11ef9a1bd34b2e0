/** That no secret is ever written: canaries through every field that holds one, and a look at all that was said. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listKeys } from "../../src/store/queries/keys.ts";
import { createMasterKeys } from "../../src/tokens/master-key.ts";
import { temporaryFolder } from "../support/app.ts";
import { createCanaries } from "../support/canaries.ts";
import { administer, callEveryMethod, liveALife, sendWhatIsMalformed } from "../support/canary-calls.ts";
import { clientsOf } from "../support/clients.ts";
import { workOn } from "../support/folder.ts";
import { runCommand, type ServerProcess, startServerProcess } from "../support/server-process.ts";

const folder = temporaryFolder();
const masterKey = randomBytes(32);
const settings = {
  SALLYPORT_DATA_DIR: folder,
  SALLYPORT_LOG_LEVEL: "debug",
  SALLYPORT_MASTER_KEY: masterKey.toString("base64url"),
};
const canaries = createCanaries();
/** What the database keeps: hashes, and keys in the clear and encrypted. */
const stored = createCanaries();
/** Everything that any of the processes wrote. */
const written: string[] = [];
let calls = 0;
let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(settings);
  calls = await callEveryMethod(server.url, canaries);
  const { apiKey } = await workOn(folder, ({ services }) => services.create("orders", ["users:read"], null), settings);
  await liveALife(server.url, canaries, apiKey);
  const account = { username: "root", password: canaries.make() };
  await workOn(folder, (core) => core.createUser({ ...account, email: "", roles: ["admin"] }), settings);
  await administer(server.url, canaries, account);
  await sendWhatIsMalformed(server.url, canaries);
  await breakTheDatabase();
  await runCommands();
  await server.end("SIGTERM");
  written.push(server.output().stdout, server.output().stderr);
  await collectWhatIsStored();
}, 90_000);
afterAll(() => rmSync(folder, { recursive: true }));

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
  const commands = ["users create zed", "users create zed", "users set-password zed", "keys list --json"];
  for (const command of commands) {
    const { stdout, stderr } = await runCommand(command.split(" "), settings, canaries.make());
    written.push(stdout, stderr);
  }
}

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
