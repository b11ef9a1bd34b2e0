/**
 * Names as people write them, and as nobody should: what becomes of each at signup, through every protocol.
 *
 * The 515 naughty strings as user names go through all seven forms of the wire, and so does every address that a rule
 * refuses; texts of the classes of Unicode and addresses that are taken go through two, every two of them in turn.
 */
import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService, SignupRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus, type Voice } from "../support/chorus.ts";
import { METHODS } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { type Outcome, summaryOf } from "../support/outcomes.ts";
import { passwordOf } from "../support/people.ts";
import { CATEGORIES, CLASS_TEXTS, representativesOf } from "../support/unicode-classes.ts";

const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])];
const PASSWORD = passwordOf("everybody");
/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

let chorus: Chorus;
beforeAll(async () => {
  chorus = await startChorus();
});
afterAll(() => chorus.close());

describe("The texts", () => {
  it("are 515 naughty strings", () => {
    expect(new Set(NAUGHTY_STRINGS).size).toBe(515);
  });

  it.each(CATEGORIES)("and some of category %s, the first and the last among them", (category) => {
    const representatives = representativesOf(category);
    expect(representatives.length).toBeGreaterThan(0);
    for (const codePoint of representatives) {
      expect(codePoint).toMatch(new RegExp(`^\\p{${category}}$`, "u"));
      expect(CLASS_TEXTS.some((text) => text.includes(codePoint))).toBe(true);
    }
  });
});

/** Signs up at these instances, each in its protocol; the outcome, which is the same for all. */
function signUp(asked: readonly Voice[], username: string, email = ""): Promise<Outcome> {
  const signup = METHODS.find(({ method }) => method === AuthService.method.signup);
  if (signup === undefined) throw new Error("there is no signup");
  return chorus.all(signup, create(SignupRequestSchema, { username, email, password: PASSWORD }), asked);
}

/** The same two instances for all texts that come to the same. */
function pairFor(form: string): readonly Voice[] {
  return chorus.pair(createHash("sha256").update(form).digest().readUInt16BE());
}

/** What RFC 8265 section 3.3.1 makes of a name that it accepts: width, case and composition, nothing else. */
function nameFormOf(text: string): string {
  const narrow = text.replace(/[\u3000\uff01-\uffee]/g, (wide) => wide.normalize("NFKC"));
  return narrow.toLowerCase().normalize("NFC");
}

/** A name that was stored, every text that stands for it, and where it is to be found. */
type Known = { readonly name: string; readonly texts: string[]; readonly at: Voice };

describe("A user name", () => {
  const known = new Map<string, Known>();

  it("is taken in its one form, or refused by rule, by every protocol alike", LONG, async () => {
    for (const [index, text] of TEXTS.entries()) {
      const name = nameFormOf(text);
      const asked = index < NAUGHTY_STRINGS.length ? chorus.voices : pairFor(name);
      const { answer, refusal } = await signUp(asked, text);
      const before = known.get(name);
      if (refusal !== null) {
        const rule = before === undefined ? "InvalidArgument REQUEST_INVALID username" : "AlreadyExists USERNAME_TAKEN";
        expect([text, summaryOf(refusal)]).toEqual([text, rule]);
        before?.texts.push(text);
      } else {
        expect([text, before, answer]).toMatchObject([text, undefined, { user: { username: name } }]);
        known.set(name, { name, texts: [text], at: asked[index % asked.length] ?? chorus.turn(0) });
      }
    }
    expect(known.size).toBeGreaterThan(60);
    expect(TEXTS.length - known.size).toBeGreaterThan(300);
  });

  it("holds, beyond ASCII, letters, digits and their marks, and two signs by exception", () => {
    const signs = [...known.keys()].flatMap((name) => name.match(/[^\p{ASCII}]/gu) ?? []);
    expect(signs.length).toBeGreaterThan(20);
    expect(signs.filter((sign) => !/[\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}\u0f0b\u3007]/u.test(sign))).toEqual([]);
    expect(signs.filter((sign) => /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u.test(sign))).toEqual([]);
  });

  it("is found and told again in every place, from each of its spellings", LONG, async () => {
    for (const { name, texts, at } of known.values()) {
      for (const text of texts) {
        const { user, accessToken } = await at.clients.auth.login({ identifier: text, password: PASSWORD });
        const { decision } = await at.clients.auth.authorize({ accessToken });
        const shown = await at.admin.getUser({ identity: { case: "username", value: text } });
        const granted = decision.case === "granted" ? decision.value.principal?.username : decision.case;
        expect([text, user?.username, granted, shown.user?.username]).toEqual([text, name, name, name]);
      }
    }
    expect(known.size).toBeGreaterThan(60);
  });
});

describe("An e-mail address", () => {
  it("is taken in its one form by two protocols alike, or refused by rule by every one", LONG, async () => {
    const taken = new Set<string>();
    for (const [index, text] of TEXTS.entries()) {
      const typed = `${text}@example.com`;
      const address = `${text.normalize("NFC").toLowerCase().normalize("NFC")}@example.com`;
      const pair = pairFor(address);
      const { answer, refusal } = await signUp(pair, `owner-of-address-${index}`, typed);
      if (refusal !== null) {
        const rule = taken.has(address) ? "AlreadyExists EMAIL_TAKEN" : "InvalidArgument REQUEST_INVALID email";
        expect([text, summaryOf(refusal)]).toEqual([text, rule]);
        // Taken it is at those two alone; what a rule refuses, all refuse.
        if (!taken.has(address)) await signUp(chorus.voices, `owner-of-address-${index}`, typed);
        continue;
      }
      expect([text, taken.has(address), answer]).toMatchObject([text, false, { user: { email: address } }]);
      taken.add(address);
      const shown = await pair[0]?.admin.getUser({ identity: { case: "email", value: typed } });
      expect([text, shown?.user?.email]).toEqual([text, address]);
    }
    expect(taken.size).toBeGreaterThan(60);
    expect([...taken].join("").match(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu)).toBeNull();
  });
});
