/** Every RPC that changes something hands its deadline on to the database: nothing is begun when nobody waits any more. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { createJudge } from "../support/decisions.ts";
import { METHODS } from "../support/methods.ts";
import { waitingFor } from "../support/patience.ts";
import { logIn, type Person, passwordOf, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf, takeApart } from "../support/refusals.ts";

/** How long each call waits, in milliseconds. */
const limits = { timeoutMs: 300 };

let app: TestApp;
let root: Person;
let ada: Person;
let bob: string;
let kid: string;
/** Somebody else, who writes to the same file. */
let other: Database.Database;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  ada = await welcome(app, "ada");
  bob = await signUp(app, "bob");
  await root.admin.setRole({ name: "packer", permissions: ["orders:pack"] });
  await root.admin.createService({ name: "orders", permissions: ["feed:watch"] });
  kid = (await root.admin.listSigningKeys({})).keys[0]?.id ?? "";
  other = new Database(join(app.dataDir, "sallyport.db"));
});
afterAll(async () => {
  other.close();
  await app.close();
});

const CHANGES: Readonly<Record<string, () => Promise<unknown>>> = {
  "AuthService.Signup": () => ada.auth.signup({ username: "cyd", password: passwordOf("cyd") }, limits),
  "AuthService.Login": () => ada.auth.login({ identifier: "ada", password: passwordOf("ada") }, limits),
  "AuthService.Refresh": () => ada.auth.refresh({ refreshToken: ada.tokens.refreshToken }, limits),
  "AuthService.Logout": () => ada.auth.logout({ refreshToken: ada.tokens.refreshToken }, limits),
  "AccountService.RevokeSession": () => ada.account.revokeSession({ sessionId: ada.tokens.sessionId }, limits),
  "AdminService.CreateUser": () => root.admin.createUser({ username: "dan", password: passwordOf("dan") }, limits),
  "AdminService.SetUserRoles": () => root.admin.setUserRoles({ userId: bob, roles: ["user", "packer"] }, limits),
  "AdminService.SetUserPassword": () =>
    root.admin.setUserPassword({ userId: bob, password: passwordOf("new") }, limits),
  "AdminService.DisableUser": () => root.admin.disableUser({ userId: bob }, limits),
  "AdminService.EnableUser": () => root.admin.enableUser({ userId: bob }, limits),
  "AdminService.RevokeUserSession": () => root.admin.revokeUserSession({ sessionId: ada.tokens.sessionId }, limits),
  "AdminService.RevokeAllUserSessions": () => root.admin.revokeAllUserSessions({ userId: ada.userId }, limits),
  "AdminService.SetRole": () => root.admin.setRole({ name: "sorter", permissions: [] }, limits),
  "AdminService.DeleteRole": () => root.admin.deleteRole({ name: "packer" }, limits),
  "AdminService.CreateService": () =>
    root.admin.createService({ name: "billing", permissions: ["feed:watch"] }, limits),
  "AdminService.RevokeService": () => root.admin.revokeService({ name: "orders" }, limits),
  "AdminService.RotateSigningKeys": () => root.admin.rotateSigningKeys({ force: true }, limits),
  "AdminService.RewrapKeys": () => root.admin.rewrapKeys({}, limits),
  // Last: the caller's own token may be of that key.
  "AdminService.WithdrawSigningKey": () => root.admin.withdrawSigningKey({ keyId: kid }, limits),
};
const ASKS = [
  "AuthService.Authorize",
  "AuthService.BatchAuthorize",
  "AccountService.GetAccount",
  "AccountService.ListSessions",
  "AdminService.GetUser",
  "AdminService.ListUsers",
  "AdminService.ListUserSessions",
  "AdminService.ListRoles",
  "AdminService.ListServices",
  "AdminService.ListSigningKeys",
];

const plain = (name: string) => name.replace(/^sallyport\.auth\.v1\./, "");
const recorded = () => other.prepare("select kind from audit_events order by id").pluck().all().map(String);

describe("A change that waits for the database until its deadline", () => {
  it("is tried here for every RPC that makes one", () => {
    expect([...Object.keys(CHANGES), ...ASKS].sort()).toEqual(METHODS.map(({ name }) => plain(name)).sort());
  });

  it("is not begun after it, whichever RPC it is", async () => {
    const before = recorded();
    other.exec("begin immediate");
    const refusals = Object.entries(CHANGES).map(async ([name, change]) => [name, (await refusalOf(change())).code]);
    expect(await Promise.all(refusals)).toEqual(Object.keys(CHANGES).map((name) => [name, "DeadlineExceeded"]));
    // The clients may have been quicker to give up: for the server, time began when the call arrived.
    await pause(1_000);
    other.exec("rollback");
    // Whatever was in the queue has had its turn when this is done.
    await logIn(app, "root");
    // Whatever is changed is on record.
    expect(recorded()).toEqual([...before, "login"]);
  });

  it("can be made, each of them, with more time: nothing else was in its way", async () => {
    limits.timeoutMs = 10_000;
    const refused: (readonly [string, string | null])[] = [];
    for (const [name, change] of Object.entries(CHANGES)) {
      await change().catch((error: unknown) => refused.push([name, takeApart(ConnectError.from(error)).reason]));
    }
    // What two of those before have done is in the way of two others.
    expect(refused).toEqual([
      ["AccountService.RevokeSession", "SESSION_REVOKED"],
      ["AdminService.DeleteRole", "ROLE_IN_USE"],
    ]);
  });

  it("holds for what is only read, too: nothing is begun for whoever has no time left", async () => {
    let begun = 0;
    const read = app.beside(({ store }) =>
      store.read(async () => {
        begun += 1;
      }, waitingFor(0)),
    );
    await expect(read).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    expect(begun).toBe(0);
  });

  it("is made though its client goes away, if its turn comes in time: what a page sends as it closes may be a logout", async () => {
    const { tokens } = await logIn(app, "root");
    other.exec("begin immediate");
    const leaving = new AbortController();
    const gone = root.auth.logout({ refreshToken: tokens.refreshToken }, { signal: leaving.signal }).catch(() => {});
    await pause(1_000);
    leaving.abort();
    await gone;
    await pause(100);
    other.exec("rollback");
    await expect.poll(() => createJudge(app)({ accessToken: tokens.accessToken })).toBe("SESSION_REVOKED, LOG_IN");
  });
});
