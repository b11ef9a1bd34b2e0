import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;
let count = 0;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** Signs somebody new up with this password; the name. */
async function signUpWith(password: string, account: { username?: string; email?: string } = {}): Promise<string> {
  count += 1;
  const { user } = await clientsOf(app.url).auth.signup({ username: `person${count}`, ...account, password });
  return user?.username ?? "";
}

function logInWith(identifier: string, password: string) {
  return clientsOf(app.url).auth.login({ identifier, password });
}

describe("A password that is being set", () => {
  it.each([
    ["is missing", ""],
    ["has seven characters", "kites-7"],
    ["has seven astral characters, fourteen of JavaScript's", "𐐨𐐩𐐪𐐫𐐬𐐭𐐮"],
    ["has seven characters once their accents are composed", "e\u0301".repeat(7)],
    ["has 257 characters", "k".repeat(257)],
    ["has 257 astral characters", "𐐨".repeat(257)],
  ])("is refused if it %s", async (_fault, password) => {
    const refusal = await refusalOf(signUpWith(password));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "REQUEST_INVALID", fields: ["password"] });
  });

  it.each([
    ["eight characters", "kites-in"],
    ["eight astral characters", "𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯"],
    ["eight characters with accents, sixteen before they are composed", "e\u0301a\u0301".repeat(4)],
    ["256 characters", "k".repeat(256)],
    ["256 astral characters, 1,024 bytes", "𐐨".repeat(256)],
    ["nothing but spaces", " ".repeat(12)],
    ["a NUL in its middle", "kites\u0000harbour"],
  ])("may have %s, and opens its account", async (_what, password) => {
    const username = await signUpWith(password);
    expect((await logInWith(username, password)).user?.username).toBe(username);
  });

  it.each(["password", "PassWord123", "qwertyuiop", "1234567890", "Iloveyou"])(
    "is refused if it is as common as %s",
    async (password) => {
      const refusal = await refusalOf(signUpWith(password));
      expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "PASSWORD_COMMON", fields: ["password"] });
    },
  );

  it.each([
    ["the user's name", "harbourkites"],
    ["the user's name in capitals", "HarbourKites"],
    ["the user's address", "harbour.master@example.com"],
    ["the user's address in capitals", "Harbour.Master@Example.COM"],
    ["what stands before the @", "harbour.master"],
  ])("is refused if it is %s", async (_what, password) => {
    const account = { username: "harbourkites", email: "harbour.master@example.com" };
    const refusal = await refusalOf(signUpWith(password, account));
    expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "PASSWORD_PERSONAL", fields: ["password"] });
  });

  it("may contain the user's name", async () => {
    const username = await signUpWith("kitesailor keeps kites", { username: "kitesailor" });
    expect((await logInWith(username, "kitesailor keeps kites")).user?.username).toBe("kitesailor");
  });

  it("keeps the spaces around it", async () => {
    const username = await signUpWith("  kites in the harbour ");
    for (const trimmed of ["kites in the harbour", "  kites in the harbour", "kites in the harbour "]) {
      expect((await refusalOf(logInWith(username, trimmed))).reason).toBe("CREDENTIALS_INVALID");
    }
    expect((await logInWith(username, "  kites in the harbour ")).user?.username).toBe(username);
  });

  it("counts to its last character, however long it is", async () => {
    const username = await signUpWith(`${"k".repeat(255)}1`);
    expect((await refusalOf(logInWith(username, `${"k".repeat(255)}2`))).reason).toBe("CREDENTIALS_INVALID");
    expect((await refusalOf(logInWith(username, "k".repeat(255)))).reason).toBe("CREDENTIALS_INVALID");
  });

  it("is not cut off at a NUL", async () => {
    const username = await signUpWith("kites\u0000in the harbour");
    for (const other of ["kites", "kites\u0000", "kites\u0000in the hangar"]) {
      expect((await refusalOf(logInWith(username, other))).reason).toBe("CREDENTIALS_INVALID");
    }
  });
});
