import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { enforceUsernameCaseMapped, prepareUsername } from "../../src/users/username.ts";

function expectName(raw: string, username: string) {
  expect(prepareUsername(raw)).toEqual({ ok: true, username });
}

function expectRefused(raw: string, why: RegExp) {
  expect(prepareUsername(raw)).toEqual({ ok: false, fault: expect.stringMatching(why) });
}

const character = /letters, digits and ASCII punctuation/;

describe("the examples of RFC 8265 section 3.5", () => {
  it.each([
    ["1, the profile itself allows @", "juliet@example.com", "juliet@example.com"],
    ["2", "fussball", "fussball"],
    ["3, sharp s stays", "fu\u00DFball", "fu\u00DFball"],
    ["4", "\u03C0", "\u03C0"],
    ["5, capital sigma", "\u03A3", "\u03C3"],
    ["6, small sigma", "\u03C3", "\u03C3"],
    ["7, final sigma is a letter of its own", "\u03C2", "\u03C2"],
  ])("accepts example %s", (_number, raw, username) => {
    expect(enforceUsernameCaseMapped(raw)).toEqual({ ok: true, username });
  });

  it.each([
    ["8, a space", "foo bar"],
    ["9, nothing", ""],
    ["10, roman numeral four", "henry\u2163"],
    ["11, infinity", "\u221E"],
  ])("refuses example %s", (_number, raw) => {
    expect(enforceUsernameCaseMapped(raw).ok).toBe(false);
    expect(prepareUsername(raw).ok).toBe(false);
  });
});

describe("spellings of one name", () => {
  it("ignores case", () => expectName("ALICE", "alice"));
  it("lowers letters outside the basic plane", () =>
    expectName("\u{10400}\u{10401}\u{10402}", "\u{10428}\u{10429}\u{1042A}"));
  it("lowers the dotted capital I the same way in every locale", () => expectName("\u0130II", "i\u0307ii"));
  it("composes", () => expectName("Rene\u0301", "ren\u00E9"));
  it("composes what only lower case can compose", () => expectName("J\u030Cxx", "\u01F0xx"));
  it("takes full-width letters for letters", () => expectName("\uFF21\uFF4C\uFF49\uFF43\uFF45", "alice"));
  it("takes half-width katakana for katakana, voiced marks included", () =>
    expectName("\uFF76\uFF9E\uFF71\uFF71", "\u30AC\u30A2\u30A2"));
  it("keeps a final sigma apart from another sigma", () => expectName("\u039F\u0394\u03A3", "\u03BF\u03B4\u03C2"));
});

describe("names that are accepted as they are", () => {
  it.each([
    "bob",
    "a.b-c_d+e",
    "<script>",
    "123",
    "\u5C71\u7530\u592A\u90CE",
    "\u0E2A\u0E21\u0E0A\u0E32\u0E22",
    "a\u3007b",
    "\uD55C\uAD6D\uC5B4",
  ])("accepts %j", (name) => expectName(name, name));
});

describe("length", () => {
  it("refuses nothing at all", () => expectRefused("", /3 to 64/));
  it("refuses two code points", () => expectRefused("ab", /3 to 64/));
  it("refuses two code points that are four UTF-16 units", () => expectRefused("\u{10428}\u{10428}", /3 to 64/));
  it("refuses two code points that were three before they were composed", () => expectRefused("ae\u0301", /3 to 64/));
  it("accepts 64 code points of two UTF-16 units", () => expect(prepareUsername("\u{10428}".repeat(64)).ok).toBe(true));
  it("accepts 64 code points that were 256 before they were composed", () =>
    expectName("\u03B1\u0313\u0300\u0345".repeat(64), "\u1F82".repeat(64)));
  it("refuses 65 code points", () => expectRefused("a".repeat(65), /3 to 64/));
  it("refuses a megabyte without looking at it", () => expectRefused("\u221E".repeat(1_000_000), /3 to 64/));
  it("refuses 64 code points that lower case makes 65", () => expectRefused(`\u0130${"a".repeat(63)}`, /3 to 64/));
});

describe("the sign that tells addresses from names", () => {
  it("refuses @", () => expectRefused("alice@example.com", /@/));
  it("refuses the full-width @", () => expectRefused("alice\uFF20example", /@/));
  it("refuses the small @, which is a compatibility form", () => expectRefused("alice\uFE6Bexample", character));
});

describe("what the IdentifierClass disallows", () => {
  it.each([
    ["a space before", " alice"],
    ["a space after", "alice "],
    ["a no-break space", "al\u00A0ice"],
    ["an ideographic space, which width mapping makes a space", "al\u3000ice"],
    ["a NUL", "alice\u0000"],
    ["a line feed", "alice\n"],
    ["a delete", "alice\u007F"],
    ["a C1 control", "alice\u0085"],
    ["a zero-width space", "al\u200Bice"],
    ["a soft hyphen", "al\u00ADice"],
    ["a variation selector", "alice\uFE0F"],
    ["a combining grapheme joiner", "al\u034Fice"],
    ["a Hangul filler", "alice\u3164"],
    ["a half-width Hangul filler", "alice\uFFA0"],
    ["a byte order mark", "\uFEFFalice"],
    ["a tag character", "alice\u{E0061}"],
    ["a right-to-left override", "alice\u202Eecila"],
    ["a left-to-right mark", "alice\u200E"],
    ["a right-to-left mark", "alice\u200F"],
    ["a noncharacter", "alice\uFFFE"],
    ["a noncharacter of the Arabic block", "alice\uFDD0"],
    ["a code point for private use", "alice\uE000"],
    ["an unassigned code point", "alice\u0378"],
    ["a lone high surrogate", "alice\uD800"],
    ["a lone low surrogate", "\uDC00alice"],
    ["a replacement character", "alice\uFFFD"],
    ["a ligature", "\uFB01nn"],
    ["a superscript digit", "alice\u00B2"],
    ["a micro sign", "\u00B5torrent"],
    ["a long s", "ali\u017Fe"],
    ["a Kelvin sign", "\u212Aelvin"],
    ["an Angstrom sign", "\u212Bngstrom"],
    ["mathematical letters", "\u{1D41A}\u{1D41B}\u{1D41C}"],
    ["a letter that NFC takes apart", "\u0958\u0958\u0958"],
    ["a titlecase letter", "\u1F88\u03B1\u03B1"],
    ["a letter number", "alice\u{10140}"],
    ["an enclosing mark", "alice\u20DD"],
    ["a full-width currency sign", "alice\uFFE0"],
    ["a currency sign", "alice\u20AC"],
    ["an emoji", "alice\u{1F600}"],
    ["a dash", "alice\u2014bob"],
    ["a typographer's quotation mark", "o\u2019brien"],
    ["an old Hangul jamo", "\u1100\u1161\u11A8"],
    ["jamo that would compose to syllables", "\u1112\u1161\u11AB\u1100\u116E\u11A8\u110B\u1165"],
    ["an extended jamo", "abc\uA960"],
    ["a half-width jamo", "abc\uFFA1"],
    ["a vertical kana repeat mark", "abc\u3031"],
    ["a Hangul tone mark", "abc\u302E"],
  ])("refuses %s", (_what, raw) => expectRefused(raw, character));

  it.each([
    ["a zero-width joiner (CONTEXTJ)", "\u0915\u094D\u200D\u0937"],
    ["a zero-width non-joiner (CONTEXTJ)", "\u0915\u094D\u200C\u0937"],
    ["a middle dot, even between two l (CONTEXTO)", "pal\u00B7lol"],
    ["a Greek keraia, even before Greek (CONTEXTO)", "\u03B1\u0375\u03B1\u03B1"],
    ["a katakana middle dot, even among katakana (CONTEXTO)", "\u30A2\u30FB\u30A2"],
    ["its half-width form", "\uFF71\uFF65\uFF71"],
    ["a Hebrew geresh (CONTEXTO)", "\u05D0\u05F3\u05D0"],
    ["Arabic-Indic digits (CONTEXTO)", "\u0661\u0662\u0663"],
    ["extended Arabic-Indic digits (CONTEXTO)", "\u06F1\u06F2\u06F3"],
    ["an Arabic tatweel", "\u0645\u0640\u0645"],
  ])("refuses %s", (_what, raw) => expectRefused(raw, character));
});

describe("right-to-left names", () => {
  it.each([
    ["Hebrew", "\u05D0\u05D1\u05D2"],
    ["Arabic", "\u0645\u062D\u0645\u062F"],
    ["Arabic with Latin before it", "ali\u0645"],
    ["an Arabic letter that is valid by exception", "abc\u06FD"],
    ["Syriac", "\u0710\u0712\u0713"],
    ["Thaana", "\u078B\u0788\u0780"],
    ["N\u2019Ko digits", "\u07C1\u07C2\u07C3"],
    ["Hanifi Rohingya digits, of class AN", "\u{10D31}\u{10D32}\u{10D33}"],
    ["Phoenician", "\u{10900}\u{10901}\u{10902}"],
    ["Adlam in capitals", "\u{1E900}\u{1E901}\u{1E902}"],
    ["a Hebrew point on a Latin letter", "abc\u05B0"],
  ])("refuses %s", (_what, raw) => expectRefused(raw, /right-to-left/));

  it("refuses every letter of every right-to-left script", () => {
    const scripts =
      /[\p{sc=Hebr}\p{sc=Arab}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}\p{sc=Samr}\p{sc=Mand}\p{sc=Cprt}\p{sc=Armi}\p{sc=Phnx}\p{sc=Lydi}\p{sc=Khar}\p{sc=Avst}\p{sc=Orkh}\p{sc=Hung}\p{sc=Rohg}\p{sc=Yezi}\p{sc=Sogd}\p{sc=Chrs}\p{sc=Mend}\p{sc=Adlm}]/u;
    expect(everyCodePoint().filter((point) => scripts.test(point) && prepareUsername(`abc${point}`).ok)).toEqual([]);
  });
});

describe("a prepared name", () => {
  it("is the same when prepared again, whatever code point is in it", () => {
    expect(everyCodePoint().filter((point) => isUnstable(`a${point}bc`))).toEqual([]);
  });

  it("is the same when prepared again, whatever the text", () => {
    const letters = fc.constantFrom(
      ..."aB1.\u03A3\u03C3\u03C2\u0130\u0301\u0345\u0323J\u030C\uFF21\uFF76\uFF9E\u3099\u1E9E\u{10400}\u13A0\u01C4",
    );
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.string({ unit: letters }));
    fc.assert(
      fc.property(text, (raw) => !isUnstable(raw)),
      { numRuns: 20_000 },
    );
  });

  it("is NFC, lower case, without @ and of 3 to 64 code points", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (raw) => {
        const prepared = prepareUsername(raw);
        if (!prepared.ok) return;
        const { username } = prepared;
        expect(username).toBe(username.normalize("NFC"));
        expect(username).toBe(username.toLowerCase());
        expect(username).not.toContain("@");
        expect(Array.from(username).length).toBeGreaterThanOrEqual(3);
        expect(Array.from(username).length).toBeLessThanOrEqual(64);
      }),
      { numRuns: 5_000 },
    );
  });
});

function isUnstable(raw: string): boolean {
  const once = prepareUsername(raw);
  if (!once.ok) return false;
  const twice = prepareUsername(once.username);
  return !twice.ok || twice.username !== once.username;
}

function everyCodePoint(): string[] {
  return Array.from({ length: 0x110000 }, (_, point) => String.fromCodePoint(point));
}
