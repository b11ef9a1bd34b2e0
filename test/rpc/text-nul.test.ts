/** U+0000, which SQLite can keep and PostgreSQL cannot: both databases answer the same, and neither fails. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clientsOf } from "../support/clients.ts";
import { addUser } from "../support/folder.ts";
import { logIn, type Person, passwordOf, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { ENGINES, startTwoApps, type TwoApps } from "../support/two-apps.ts";

describe.each(ENGINES)("On %s", (engine) => {
  let apps: TwoApps;
  let ada: Person;
  let root: Person;

  beforeAll(async () => {
    apps = await startTwoApps(engine);
    await addUser(apps.first.dataDir, "root", ["admin"], apps.settings);
    [ada, root] = [await welcome(apps.first, "ada"), await logIn(apps.first, "root")];
  });
  afterAll(() => apps.close());

  const anyone = () => clientsOf(apps.first.url).auth;
  const password = passwordOf("ada");

  it("a device's name is refused for it, and the field is named", async () => {
    const refusal = await refusalOf(anyone().login({ identifier: "ada", password, deviceName: "my\0phone" }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID", fields: ["device_name"] });
  });

  it.each<[string, string, () => Promise<unknown>]>([
    ["nobody logs in by it", "CREDENTIALS_INVALID", () => anyone().login({ identifier: "ada\0", password })],
    ["no session is found by it", "SESSION_NOT_FOUND", () => ada.account.revokeSession({ sessionId: "ses\0" })],
    [
      "no role is found by it",
      "ROLE_NOT_FOUND",
      () => root.admin.setUserRoles({ userId: ada.userId, roles: ["us\0er"] }),
    ],
    ["no user is found by it", "USER_NOT_FOUND", () => root.admin.disableUser({ userId: "usr\0" })],
    ["no key is found by it", "KEY_NOT_FOUND", () => root.admin.withdrawSigningKey({ keyId: "k\0" })],
  ])("%s", async (_what, reason, call) => {
    expect((await refusalOf(call())).reason).toBe(reason);
  });
});
