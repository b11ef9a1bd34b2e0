/**
 * Names as people write them, and as nobody should: what becomes of each at signup, in all seven forms of the wire. That
 * an administrator's `CreateUser` keeps them in the same form is for test/support/text-field-suite.ts to show.
 */
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { GetUserRequestSchema } from "../../gen/sallyport/auth/v1/admin_users_pb.ts";
import {
  AuthorizeRequestSchema,
  AuthService,
  LoginRequestSchema,
  SignupRequestSchema,
} from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus } from "../support/chorus.ts";
import { addressFormOf, nameFormOf } from "../support/kept-forms.ts";
import { contracted } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { summaryOf, textsIn } from "../support/outcomes.ts";
import { passwordOf } from "../support/people.ts";
import { CATEGORIES, CLASS_TEXTS, representativesOf } from "../support/unicode-classes.ts";

const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])];
const PASSWORD = passwordOf("everybody");
/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

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

const signup = contracted(AuthService.method.signup);
const login = contracted(AuthService.method.login);
const authorize = contracted(AuthService.method.authorize);
const getUser = contracted(AdminService.method.getUser);

let chorus: Chorus;
beforeAll(async () => {
  chorus = await startChorus();
});
afterAll(() => chorus.close());

/** Signs each of them up, in this order; the outcomes, which are the same in every form. */
const signUpEach = (people: readonly { readonly username: string; readonly email?: string }[]) =>
  chorus.each(
    signup,
    people.map((person) => create(SignupRequestSchema, { ...person, password: PASSWORD })),
  );

describe("A user name", () => {
  /** The texts that stand for each name that was stored. */
  const known = new Map<string, string[]>();

  it("is taken in its one form, or refused by rule, by every protocol alike", LONG, async () => {
    const outcomes = await signUpEach(TEXTS.map((username) => ({ username })));
    for (const [index, text] of TEXTS.entries()) {
      const name = nameFormOf(text);
      const before = known.get(name);
      const { answer = null, refusal = null } = outcomes[index] ?? {};
      if (refusal !== null) {
        const rule = before === undefined ? "InvalidArgument REQUEST_INVALID username" : "AlreadyExists USERNAME_TAKEN";
        expect([text, summaryOf(refusal)]).toEqual([text, rule]);
        before?.push(text);
      } else {
        expect([text, before, answer]).toMatchObject([text, undefined, { user: { username: name } }]);
        known.set(name, [text]);
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
    const spellings = [...known].flatMap(([name, texts]) => texts.map((text) => ({ name, text })));
    expect(spellings.length).toBeGreaterThan(60);
    const names = spellings.map(({ name }) => name);
    for (const { form, callEach } of chorus.voices) {
      const loggedIn = await callEach(
        login,
        spellings.map(({ text }) => create(LoginRequestSchema, { identifier: text, password: PASSWORD })),
      );
      const tokens = loggedIn.flatMap(({ outcome }) => textsIn(outcome.answer, "accessToken"));
      const decisions = await callEach(
        authorize,
        tokens.map((accessToken) => create(AuthorizeRequestSchema, { accessToken })),
      );
      const shown = await callEach(
        getUser,
        spellings.map(({ text }) => create(GetUserRequestSchema, { identity: { case: "username", value: text } })),
      );
      for (const answers of [loggedIn, decisions, shown]) {
        const told = answers.flatMap(({ outcome }) => textsIn(outcome.answer, "username"));
        expect(told, form).toEqual(names);
      }
    }
  });
});

it("An e-mail address is taken in its one form, or refused by rule, by every protocol alike", LONG, async () => {
  const typed = TEXTS.map((text) => `${text}@example.com`);
  const outcomes = await signUpEach(typed.map((email, index) => ({ username: `owner-of-address-${index}`, email })));
  const taken = new Map<string, string>();
  for (const [index, text] of TEXTS.entries()) {
    const address = addressFormOf(typed[index] ?? "");
    const { answer = null, refusal = null } = outcomes[index] ?? {};
    if (refusal !== null) {
      const rule = taken.has(address) ? "AlreadyExists EMAIL_TAKEN" : "InvalidArgument REQUEST_INVALID email";
      expect([text, summaryOf(refusal)]).toEqual([text, rule]);
    } else {
      expect([text, taken.has(address), answer]).toMatchObject([text, false, { user: { email: address } }]);
      taken.set(address, typed[index] ?? "");
    }
  }
  expect(taken.size).toBeGreaterThan(60);
  expect([...taken.keys()].join("").match(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu)).toBeNull();
  const shown = await chorus.each(
    getUser,
    [...taken.values()].map((email) => create(GetUserRequestSchema, { identity: { case: "email", value: email } })),
  );
  expect(shown.flatMap(({ answer }) => textsIn(answer, "email"))).toEqual([...taken.keys()]);
});
