import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalEmail } from "../../src/users/email.ts";

function expectEmail(raw: string, email: string) {
  expect(canonicalEmail(raw)).toEqual({ ok: true, email });
}

function expectRefused(raw: string, why: RegExp) {
  expect(canonicalEmail(raw)).toEqual({ ok: false, fault: expect.stringMatching(why) });
}

describe("the canonical form", () => {
  it("keeps a plain address", () => expectEmail("alice@example.com", "alice@example.com"));
  it("lowers both sides", () => expectEmail("Alice@EXAMPLE.Com", "alice@example.com"));
  it("composes the local part", () => expectEmail("rene\u0301@example.com", "ren\u00E9@example.com"));
  it("composes what only lower case can compose", () => expectEmail("J\u030C@example.com", "\u01F0@example.com"));
  it("writes an international domain as A-labels", () =>
    expectEmail("a@B\u00DCCHER.example", "a@xn--bcher-kva.example"));
  it("gives a U-label and its A-label one form", () =>
    expectEmail("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"));
  it("keeps sharp s in a domain apart from ss (RFC 5895)", () => expectEmail("a@fa\u00DF.de", "a@xn--fa-hia.de"));
  it("maps a capital sigma in a domain letter by letter", () => expectEmail("a@\u0391\u03A3.gr", "a@xn--mxa0b.gr"));
  it("takes an ideographic full stop for a dot", () => expectEmail("a@example\u3002com", "a@example.com"));
  it("keeps the tag after a plus: it is the host's business", () => expectEmail("a+b@example.com", "a+b@example.com"));
  it("accepts every sign that needs no quotes", () =>
    expectEmail("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"));
  it("accepts a host of one label, as on an intranet", () => expectEmail("root@localhost", "root@localhost"));
});

describe("the @", () => {
  it.each(["", "alice", "alice.example.com", "alice\uFF20example.com", "a@b@example.com", "@@", '"a@b"@example.com'])(
    "refuses %j, which does not have exactly one",
    (raw) => expectRefused(raw, /exactly one @/),
  );
});

describe("white space and what cannot be seen", () => {
  it.each([
    ["a space before", " alice@example.com"],
    ["a space after", "alice@example.com "],
    ["a space inside", "al ice@example.com"],
    [
      "a line break, which would be a header of its own",
      "alice@example.com\r\nBcc: bob@example.com".replace("bob@", "bob."),
    ],
    ["a NUL", "alice\u0000@example.com"],
    ["a no-break space", "alice\u00A0@example.com"],
    ["a zero-width space", "ali\u200Bce@example.com"],
    ["a soft hyphen in the domain", "alice@exam\u00ADple.com"],
    ["a right-to-left override", "alice\u202E@example.com"],
    ["a Hangul filler", "alice\u3164@example.com"],
    ["a lone surrogate", "alice\uD800@example.com"],
    ["an unassigned code point", "alice\u0378@example.com"],
  ])("refuses %s", (_what, raw) => expectRefused(raw, /white space/));
});

describe("the local part", () => {
  it("refuses none", () => expectRefused("@example.com", /1 to 64 bytes/));
  it("accepts 64 bytes", () => expectEmail(`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`));
  it("refuses 65 bytes", () => expectRefused(`${"a".repeat(65)}@example.com`, /1 to 64 bytes/));
  it("counts bytes, not characters", () => expectRefused(`${"\u00E9".repeat(33)}@example.com`, /1 to 64 bytes/));
  it("counts them on the result", () =>
    expectEmail(`${"e\u0301".repeat(32)}@example.com`, `${"\u00E9".repeat(32)}@example.com`));

  it.each([".alice", "alice.", "al..ice", '"alice"', "al(i)ce", "<alice>", "a,b", "a;b", "a:b", "a\\b", "a[b]"])(
    "refuses %j, which needs quotes or is a comment",
    (local) => expectRefused(`${local}@example.com`, /letters, digits, single dots/),
  );
});

describe("the domain", () => {
  it.each([
    ["none", ""],
    ["an empty label", "example..com"],
    ["a leading dot", ".example.com"],
    ["a trailing dot", "example.com."],
    ["a leading hyphen", "-example.com"],
    ["a trailing hyphen", "example-.com"],
    ["an underscore", "ex_ample.com"],
    ["a label of 64 bytes", `${"a".repeat(64)}.com`],
    ["an IPv4 address", "192.0.2.1"],
    ["an IPv4 address with a trailing dot", "192.0.2.1."],
    ["an IPv4 address in hexadecimal", "0x7f.1"],
    ["an IPv4 address as one number", "2130706433"],
    ["an IPv4 address in full-width digits", "\uFF11\uFF12\uFF17.0.0.1"],
    ["an IPv4 address literal", "[192.0.2.1]"],
    ["an IPv6 address literal", "[IPv6:2001:db8::1]"],
    ["a bare IPv6 address", "[::1]"],
    ["a number as the last label", "example.1"],
    ["a path", "example.com/x"],
    ["a backslash", "example.com\\x"],
    ["a query", "example.com?x"],
    ["a fragment", "example.com#x"],
    ["a port", "example.com:25"],
    ["percent-encoding", "ex%61mple.com"],
    ["a full-width slash", "example.com\uFF0Fx"],
    ["an A-label that decodes to nothing", "xn--"],
    ["an A-label that is not Punycode", "xn--zzzzzz.com"],
    ["an A-label of plain ASCII", "xn--abc-.com"],
    ["a label that breaks the Bidi Rule", "1\u05D0.com"],
  ])("refuses %s", (_what, domain) => expectRefused(`alice@${domain}`, /valid domain name/));
});

describe("the whole", () => {
  const domainOf = (length: number) => `${"a.".repeat(length / 2 - 1)}bb`;

  it("accepts 254 bytes", () => {
    const raw = `alice@${domainOf(248)}`;
    expect(raw).toHaveLength(254);
    expectEmail(raw, raw);
  });
  it("refuses 255 bytes", () => expectRefused(`alice1@${domainOf(248)}`, /254 bytes/));
  it("counts the domain as A-labels", () =>
    expectRefused(`alice@${"\u00FC\u00FC\u00FC.".repeat(24)}example.com`, /254 bytes/));

  it("is the same when made canonical again, whatever the text", () => {
    const domain = fc.oneof(
      fc.domain(),
      fc.string({ unit: "grapheme", minLength: 1 }).map((label) => `${label}.example`),
    );
    const local = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(local, domain, (left, right) => {
        const once = canonicalEmail(`${left}@${right}`);
        if (once.ok) expect(canonicalEmail(once.email)).toEqual(once);
      }),
      { numRuns: 5_000 },
    );
  });

  it("is the same when made canonical again, whatever code point is in it that mapping changes", () => {
    const unstable: string[] = [];
    for (let point = 0; point < 0x110000; point++) {
      const sign = String.fromCodePoint(point);
      if (!/[\p{Changes_When_NFKC_Casefolded}\p{M}]/u.test(sign)) continue;
      for (const raw of [`a${sign}@example.com`, `a@b${sign}c.com`]) {
        const once = canonicalEmail(raw);
        const twice = once.ok ? canonicalEmail(once.email) : once;
        if (once.ok && !(twice.ok && twice.email === once.email)) unstable.push(raw);
      }
    }
    expect(unstable).toEqual([]);
  });
});
