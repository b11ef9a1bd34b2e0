/**
 * Passwords and names of devices: kept as they are, to the last code point, but that a password is composed.
 *
 * A password that is refused is so by all seven forms of the wire; one that is taken costs a hash wherever it is, and
 * goes through two of them, every two in turn. Logins and names of devices go through the first of the two.
 */
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService, SignupRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus, type Voice } from "../support/chorus.ts";
import { clientsOf } from "../support/clients.ts";
import { concurrently } from "../support/concurrently.ts";
import { METHODS } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { summaryOf } from "../support/outcomes.ts";
import { refusalOf } from "../support/refusals.ts";
import { CLASS_TEXTS } from "../support/unicode-classes.ts";

const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])];
/** As many as wait for a hash without being turned away. */
const AT_ONCE = 8;
const MOST_BYTES = 1024;
/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };

let chorus: Chorus;
beforeAll(async () => {
  chorus = await startChorus();
});
afterAll(() => chorus.close());

const lengthOf = (text: string) => Array.from(text.normalize("NFC")).length;

/** The text as a password that is neither too short nor too long; itself, where it can be. */
const passwordFrom = (text: string) => (lengthOf(text) < 8 ? `kites ${text} harbour` : text);

/** What somebody might take for the same password, and is not; `turn` chooses among those that every password has. */
function nearMissesOf(password: string, turn: number): readonly string[] {
  const common = [`${password} `, ` ${password}`, `${password}\u0000`, `${password}\n`, password.slice(0, -1)];
  const misses = [
    common[turn % common.length] ?? "",
    password.trim(),
    password.split("\u0000")[0] ?? "",
    password.toLowerCase(),
    password.normalize("NFKC"),
    password.replace(/\p{Default_Ignorable_Code_Point}/gu, ""),
    password.replace(/[^\p{ASCII}]/gu, "?"),
    password.replace(/[^\p{ASCII}]/gu, "\ufffd"),
  ];
  const isOther = (text: string) => text.normalize("NFC") !== password.normalize("NFC");
  const fits = (text: string) => text !== "" && Buffer.byteLength(text) <= MOST_BYTES && text.isWellFormed();
  return [...new Set(misses)].filter((text) => isOther(text) && fits(text));
}

/** Signs somebody up at two instances, in two protocols; the reason if they refuse, and all others with them. */
async function signUp(username: string, password: string, pair: readonly Voice[]): Promise<string | null> {
  const signup = METHODS.find(({ method }) => method === AuthService.method.signup);
  if (signup === undefined) throw new Error("there is no signup");
  const request = create(SignupRequestSchema, { username, password });
  const { refusal } = await chorus.all(signup, request, pair);
  if (refusal === null) return null;
  await chorus.all(signup, request);
  return summaryOf(refusal);
}

/** Somebody whose password comes of a text, and where. */
type Account = { readonly text: string; readonly identifier: string; readonly password: string; readonly voice: Voice };
const accounts: Account[] = [];

/** Does the work for every account; what was found wrong. */
async function wrongWithEach(
  work: (account: Account, index: number) => Promise<readonly unknown[]>,
): Promise<readonly unknown[]> {
  expect(accounts.length).toBeGreaterThan(TEXTS.length - 20);
  return (await concurrently(AT_ONCE, accounts, work)).flat();
}

describe("A password", () => {
  it("is set by two protocols alike, or refused by rule by every one", LONG, async () => {
    const refused = await concurrently(AT_ONCE, TEXTS, async (text, index) => {
      const [password, identifier, pair] = [passwordFrom(text), `owner${index}`, chorus.pair(index)];
      const [voice] = pair;
      const reason = await signUp(identifier, password, pair);
      if (reason === null && voice !== undefined) accounts.push({ text, identifier, password, voice });
      return reason === null ? [] : [[password, reason] as const];
    });
    for (const [password, reason] of refused.flat()) {
      const isTooLong = lengthOf(password) > 256 || Buffer.byteLength(password) > MOST_BYTES;
      const rule = isTooLong ? "InvalidArgument REQUEST_INVALID password" : "InvalidArgument PASSWORD_COMMON password";
      expect([password, reason]).toEqual([password, rule]);
    }
    expect(refused.flat().length).toBeLessThan(20);
  });

  it("opens its account, in whatever way it is composed", LONG, async () => {
    const wrong = await wrongWithEach(async ({ identifier, password, voice: { clients } }) => {
      const forms = [...new Set([password, password.normalize("NFC"), password.normalize("NFD")])];
      return concurrently(1, forms, async (form) => {
        const { user } = await clients.auth.login({ identifier, password: form });
        return user?.username === identifier ? [] : [password, form];
      });
    });
    expect(wrong.flat()).toEqual([]);
  });

  it("is not opened by what is nearly the same", LONG, async () => {
    let misses = 0;
    const wrong = await wrongWithEach(async ({ identifier, password, voice: { clients } }, index) => {
      const near = nearMissesOf(password, index);
      misses += near.length;
      const reasons = await concurrently(1, near, async (miss) => {
        const { reason } = await refusalOf(clients.auth.login({ identifier, password: miss }));
        return reason === "CREDENTIALS_INVALID" ? [] : [[password, miss, reason]];
      });
      return reasons.flat();
    });
    expect(wrong).toEqual([]);
    expect(misses).toBeGreaterThan(accounts.length);
  });
});

describe("The name of a device", () => {
  it("is told again exactly, unless it is too long", LONG, async () => {
    const wrong = await wrongWithEach(async ({ text, identifier, password, voice: { app, clients } }) => {
      const login = { identifier, password, deviceName: text };
      if (Array.from(text).length > 128) {
        const { reason, fields } = await refusalOf(clients.auth.login(login));
        return reason === "REQUEST_INVALID" && fields.join() === "device_name" ? [] : [[text, reason, fields]];
      }
      const { accessToken } = await clients.auth.login(login);
      const { sessions } = await clientsOf(app.url, accessToken).account.listSessions({});
      const current = sessions.find((session) => session.current);
      return current?.deviceName === text ? [] : [[text, current?.deviceName]];
    });
    expect(wrong).toEqual([]);
  });
});
