import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPageTokens } from "../../src/tokens/page-token.ts";
import { strayBits } from "../support/forge.ts";

/** Page tokens under a secret of their own. */
function pageTokensUnder(key: Uint8Array) {
  return createPageTokens({ refreshKey: () => ({ kid: "secret", algorithm: "HS256", key: createSecretKey(key) }) });
}

const SECRET = randomBytes(32);
const pages = pageTokensUnder(SECRET);
const USERS = ["users", "clerk"];
const refused = expect.objectContaining({ reason: "PAGE_TOKEN_INVALID" });

describe("A page token", () => {
  it("leads back to its position, whatever that is", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string({ unit: "grapheme" }), (listing, position) => {
        expect(pages.open(listing, pages.seal(listing, position))).toBe(position);
      }),
    );
  });

  it("that is empty leads to the beginning", () => {
    expect(pages.open(USERS, "")).toBe("");
  });

  it("is good for no other listing, filter or caller, however it is put together", () => {
    const listing = fc.array(fc.constantFrom("users", "", "clerk", '","', "a", "users,clerk"), { maxLength: 3 });
    fc.assert(
      fc.property(listing, listing, fc.constantFrom("", "a", "clerk"), (one, other, position) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        const token = pages.seal(one, position);
        expect(() => pages.open(other, token)).toThrow(refused);
      }),
      {
        examples: [
          [["users", "clerk"], ["users,clerk"], "a"],
          [["users", ""], ["users"], ""],
          [["a"], [], "a"],
        ],
      },
    );
  });

  it("is refused when any letter of it is another", () => {
    const token = pages.seal(USERS, "usr_1");
    for (let at = 0; at < token.length; at += 1) {
      for (const letter of ["A", "B", "_", "-", "+", "=", ".", " ", "\n", "\u00e9"]) {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        if (changed !== token) expect(() => pages.open(USERS, changed), changed).toThrow(refused);
      }
    }
  });

  it.each<[string, (token: string) => string]>([
    ["a letter more at the end", (token) => `${token}A`],
    ["padding", (token) => `${token}=`],
    ["white space around it", (token) => ` ${token} `],
    ["a line break inside", (token) => token.replace(".", ".\n")],
    ["a segment more", (token) => `${token}.AAAA`],
    ["an empty segment more", (token) => `${token}.`],
    ["a segment more before it", (token) => `.${token}`],
    ["stray bits in its position", (token) => strayBits(token, 0)],
    ["stray bits in its tag", (token) => strayBits(token, 1)],
    ["no tag", (token) => token.replace(/\..*/, "")],
    ["an empty tag", (token) => token.replace(/\..*/, ".")],
    ["half of its tag", (token) => token.slice(0, -22)],
    ["no position", (token) => token.replace(/.*\./, ".")],
    ["the position of another", (token) => `${pages.seal(USERS, "usr_9").split(".")[0]}.${token.split(".")[1]}`],
    ["its halves changed over", (token) => token.split(".").reverse().join(".")],
    ["letters of standard base64", (token) => token.replaceAll("-", "+").replaceAll("_", "/").concat("+")],
  ])("is refused with %s", (_name, change) => {
    const changed = change(pages.seal(USERS, "usr_1"));
    expect(() => pages.open(USERS, changed)).toThrow(refused);
  });

  it.each(["usr_1", ".", "..", "null", "\0", "e30.e30", "\ud800", "x".repeat(100_000), ".".repeat(10_000)])(
    "is refused if it is made up (%#)",
    (token) => {
      expect(() => pages.open(USERS, token)).toThrow(refused);
    },
  );

  it("is refused under another secret", () => {
    expect(() => pageTokensUnder(randomBytes(32)).open(USERS, pages.seal(USERS, "usr_1"))).toThrow(refused);
  });

  it("is no plain MAC under the refresh secret: its key is derived", () => {
    const [position] = pages.seal(USERS, "usr_1").split(".");
    const tag = createHmac("sha256", SECRET)
      .update(JSON.stringify([...USERS, "usr_1"]))
      .digest("base64url");
    expect(() => pages.open(USERS, `${position}.${tag}`)).toThrow(refused);
  });

  it("that stands for bytes which are no text is refused, though it is tagged as their replacement", () => {
    const [, tag] = pages.seal(USERS, "\ufffd").split(".");
    expect(() => pages.open(USERS, `${Buffer.of(0xff).toString("base64url")}.${tag}`)).toThrow(refused);
  });
});
