import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserState } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { logIn, passwordOf, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_SIGNUP_ROLES: "user,ghost" } });
  await signup({ username: "takenname", email: "taken@example.com" });
  await signup({ username: "ångström" });
});
afterAll(() => app.close());

type Account = { username: string; password?: string; email?: string; roles?: string[] };

function signup(account: Account) {
  return clientsOf(app.url).auth.signup({ password: passwordOf("somebody"), ...account });
}

describe("Signup", () => {
  it.each(WIRE_FORMS)("makes an account over $name", async ({ name, transport }) => {
    const username = name.toLowerCase().replace(/[^a-z0-9]/g, "");
    const { user } = await clientsOf(app.url, "", transport).auth.signup({
      username,
      password: "kites over the harbour",
    });
    expect(user).toMatchObject({ username, email: "", emailVerified: false, roles: ["user"], state: UserState.ACTIVE });
    expect(user?.id).toMatch(/^usr_[0-9a-f-]{36}$/);
  });

  it("prepares the name and the address, and tells the forms that it keeps", async () => {
    const { user } = await signup({ username: "ＭaryＡｎｎ", email: "Mary.Ann@BÜCHER.example" });
    expect(user).toMatchObject({ username: "maryann", email: "mary.ann@xn--bcher-kva.example" });
  });

  it("logs nobody in", async () => {
    const userId = await signUp(app, "justme");
    const sessions = await app.beside(({ store }) =>
      store.read((db) => db.selectFrom("sessions").selectAll().where("user_id", "=", userId).execute()),
    );
    expect(sessions).toEqual([]);
  });

  it.each([
    ["as it is", "takenname"],
    ["in capitals", "TakenName"],
    ["in full width", "ｔａｋｅｎｎａｍｅ"],
    ["in another normalization", "a\u030angstro\u0308m"],
  ])("refuses a name that is taken, %s", async (_how, username) => {
    expect(await refusalOf(signup({ username }))).toMatchObject({ code: "AlreadyExists", reason: "USERNAME_TAKEN" });
  });

  it.each([
    ["as it is", "taken@example.com"],
    ["in capitals", "TAKEN@EXAMPLE.COM"],
    ["in full width", "taken@ｅｘａｍｐｌｅ.com"],
  ])("refuses an address that is taken, %s", async (_how, email) => {
    const refusal = await refusalOf(signup({ username: "someoneelse", email }));
    expect(refusal).toMatchObject({ code: "AlreadyExists", reason: "EMAIL_TAKEN" });
  });

  it("lets any number of people have no address", async () => {
    await signUp(app, "noaddress1");
    await signUp(app, "noaddress2");
    expect((await logIn(app, "noaddress2")).tokens.user?.email).toBe("");
  });

  it.each([
    ["is missing", ""],
    ["is too short", "ab"],
    ["is too long", "a".repeat(65)],
    ["is too long in astral code points", "𐐨".repeat(65)],
    ["is an address", "bob@example.com"],
    ["has an @ in full width", "bob＠example"],
    ["has a space", "bob smith"],
    ["begins with a space", " bobsmith"],
    ["ends with a line feed", "bobsmith\n"],
    ["has a control character", "bob\u0000smith"],
    ["has a joiner that nobody sees", "bob\u200dsmith"],
    ["has a symbol", "bob☃smith"],
    ["is right to left", "משתמש"],
    ["is a compatibility form", "ﬁnance"],
    ["has a middle dot, allowed in some contexts alone", "l·lull"],
  ])("refuses a name that %s", async (_fault, username) => {
    const refusal = await refusalOf(signup({ username }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID", fields: ["username"] });
  });

  it.each([
    ["has no @", "bob.example.com"],
    ["has two", "bob@smith@example.com"],
    ["has nothing before it", "@example.com"],
    ["has nothing behind it", "bob@"],
    ["has a space", "bob smith@example.com"],
    ["has a line feed at its end", "bob@example.com\n"],
    ["is quoted", '"bob smith"@example.com'],
    ["has two dots in a row", "bob..smith@example.com"],
    ["is at an IP address", "bob@127.0.0.1"],
    ["is at an impossible domain", "bob@-example.com"],
    ["hides a second host", "bob@example.com/evil.example"],
    ["has too much before its @", `${"b".repeat(65)}@example.com`],
    ["is too long", `bob@${"a".repeat(250)}.example.com`],
  ])("refuses an address that %s", async (_fault, email) => {
    const refusal = await refusalOf(signup({ username: "addressless", email }));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID", fields: ["email"] });
  });

  it.each([[["admin"]], [["user", "admin"]], [["ADMIN"]], [["nosuchrole"]]])(
    "refuses the roles %j to whoever asks",
    async (roles) => {
      const refusal = await refusalOf(signup({ username: "climber", roles }));
      expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "ROLE_NOT_SELF_ASSIGNABLE" });
    },
  );

  it("refuses a self-assignable role that does not exist", async () => {
    const refusal = await refusalOf(signup({ username: "spooky", roles: ["ghost"] }));
    expect(refusal).toMatchObject({ code: "NotFound", reason: "ROLE_NOT_FOUND" });
  });

  it("keeps nothing of a signup that it refused", async () => {
    await refusalOf(signup({ username: "secondtry", roles: ["admin"] }));
    await refusalOf(signup({ username: "secondtry", roles: ["ghost"] }));
    expect((await signup({ username: "secondtry" })).user?.roles).toEqual(["user"]);
  });
});
