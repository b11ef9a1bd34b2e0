import { describe, expect, it } from "vitest";
import { Refusal } from "../../src/errors.ts";
import { loadCommonPasswords } from "../../src/passwords/common-passwords.ts";
import { checkNewPassword, normalizePassword } from "../../src/passwords/password-policy.ts";

const owner = { username: "alice.liddell", email: "wonderland@example.com" };

async function refusalOf(password: string, whose: Parameters<typeof checkNewPassword>[1] = owner, field?: string) {
  const thrown: unknown = await checkNewPassword(password, whose, field).catch((error: unknown) => error);
  if (!(thrown instanceof Refusal)) throw new Error(`not refused: ${JSON.stringify(password)}`);
  return thrown;
}

async function expectReason(password: string, reason: string, whose = owner) {
  expect((await refusalOf(password, whose)).reason).toBe(reason);
}

describe("a password that may be set", () => {
  it.each([
    ["of 8 code points", "x7#Qm2!k"],
    ["of 256 code points of two UTF-16 units", "\u{1F600}".repeat(256)],
    ["of words and spaces", " correct horse battery staple "],
    ["with control characters", "abc\u0000\n\tdefgh"],
    ["that has the user name in it and more", "alice.liddell's secret"],
  ])("may be one %s", async (_what, password) => {
    await expect(checkNewPassword(password, owner)).resolves.toBeUndefined();
  });

  it("may be anything long enough where there is no e-mail address", async () => {
    await expect(checkNewPassword("wonderland@example.com", { ...owner, email: null })).resolves.toBeUndefined();
  });
});

describe("the length", () => {
  it.each([
    ["nothing", ""],
    ["7 code points", "x7#Qm2!"],
    ["7 code points of two UTF-16 units", "\u{1F600}".repeat(7)],
    ["7 code points that were 14 before NFC", "e\u0301".repeat(7)],
    ["257 code points", "x".repeat(257)],
    ["a megabyte", "x".repeat(1_000_000)],
  ])("refuses %s", async (_what, password) => {
    await expectReason(password, "REQUEST_INVALID");
  });

  it("accepts 256 code points that were 512 before NFC", async () => {
    await expect(checkNewPassword("e\u0301".repeat(256), owner)).resolves.toBeUndefined();
  });
});

describe("passwords that anyone would try first", () => {
  it.each(["password", "PASSWORD", "Password1", "1234567890", "QwertyUiop"])(
    "refuses %j as common",
    async (password) => {
      await expectReason(password, "PASSWORD_COMMON");
    },
  );

  it.each([
    ["the user name", "alice.liddell"],
    ["the user name in capitals", "ALICE.LIDDELL"],
    ["the e-mail address", "Wonderland@Example.com"],
    ["what stands before its @", "WONDERLAND"],
  ])("refuses %s as personal", async (_what, password) => {
    await expectReason(password, "PASSWORD_PERSONAL");
  });

  it("refuses the user name in another normalization form", async () => {
    await expectReason("Rene\u0301.Descartes", "PASSWORD_PERSONAL", { ...owner, username: "ren\u00E9.descartes" });
  });

  it("calls a common password that is also the user name personal", async () => {
    await expectReason("jennifer", "PASSWORD_PERSONAL", { ...owner, username: "jennifer" });
  });

  it("refuses a lone surrogate, which has no UTF-8 form", async () => {
    await expectReason("x7#Qm2!k\uD800", "REQUEST_INVALID");
  });
});

describe("a refusal", () => {
  it.each(["x", "password", "alice.liddell"])(
    "of %j names the field password unless told otherwise",
    async (password) => {
      const { fields } = await refusalOf(password);
      expect(fields.map(({ field }) => field)).toEqual(["password"]);
    },
  );

  it.each(["x", "password", "alice.liddell"])("of %j names the field that it is told", async (password) => {
    const { fields } = await refusalOf(password, owner, "new_password");
    expect(fields.map(({ field }) => field)).toEqual(["new_password"]);
  });

  it.each(["x7#Qm2!", "wonderland"])("of %j does not repeat the password", async (password) => {
    const { message, fields } = await refusalOf(password);
    expect(JSON.stringify([message, fields])).not.toContain(password);
  });
});

describe("normalizing a password", () => {
  it("composes", () => expect(normalizePassword("e\u0301")).toBe("\u00E9"));
  it("does not trim", () => expect(normalizePassword(" a\n")).toBe(" a\n"));
  it("does not touch case", () => expect(normalizePassword("aB")).toBe("aB"));
  it("does not touch width", () => expect(normalizePassword("\uFF21")).toBe("\uFF21"));
  it("does not cut off", () => expect(normalizePassword("x".repeat(5000))).toHaveLength(5000));
});

describe("the common passwords", () => {
  it("are loaded once", async () => {
    expect(await loadCommonPasswords()).toBe(await loadCommonPasswords());
  });

  it("are all there, in lower case and NFC", async () => {
    const common = await loadCommonPasswords();
    expect(common.size).toBe(49_233);
    expect([...common].filter((password) => password !== password.normalize("NFC").toLowerCase())).toEqual([]);
  });
});
