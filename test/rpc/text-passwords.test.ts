/** Passwords and names of devices: kept as they are, to the last code point, but that a password is composed; in all seven forms of the wire. */
import { create, type JsonValue } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { ListUserSessionsRequestSchema } from "../../gen/sallyport/auth/v1/admin_sessions_pb.ts";
import { GetUserRequestSchema, SetUserPasswordRequestSchema } from "../../gen/sallyport/auth/v1/admin_users_pb.ts";
import { AuthService, LoginRequestSchema, SignupRequestSchema } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type Chorus, startChorus } from "../support/chorus.ts";
import { contracted } from "../support/methods.ts";
import { NAUGHTY_STRINGS } from "../support/naughty-strings.ts";
import { type Outcome, summaryOf, textsIn } from "../support/outcomes.ts";
import { CLASS_TEXTS } from "../support/unicode-classes.ts";

const TEXTS = [...new Set([...NAUGHTY_STRINGS, ...CLASS_TEXTS])];
const MOST_BYTES = 1024;
const MOST_OF_A_DEVICE = 128;
/** Thousands of calls must come to an end, also where other tests take most of the machine. */
const LONG = { timeout: 120_000 };
const [signup, login] = [contracted(AuthService.method.signup), contracted(AuthService.method.login)];
const setPassword = contracted(AdminService.method.setUserPassword);
const getUser = contracted(AdminService.method.getUser);
const listSessions = contracted(AdminService.method.listUserSessions);

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

/** Somebody whose password comes of a text. */
type Account = { readonly text: string; readonly identifier: string; readonly password: string };
const accounts: Account[] = [];

/** What somebody logs in with. */
type Login = Pick<Account, "identifier" | "password">;

/** Whose account a login opened, or the reason why it opened none. */
function openedBy({ answer = null, refusal = null }: Partial<Outcome> = {}): string {
  return refusal === null ? textsIn(answer, "username").join() : summaryOf(refusal);
}

const loginOf = ({ identifier, password }: Login, deviceName = "") =>
  create(LoginRequestSchema, { identifier, password, deviceName });

/**
 * Logs in with each of these, once, in one form after the other: that a stored password is the one that was set is
 * for each text to show, and not for each protocol.
 */
async function openedInTurn(logins: readonly Login[]): Promise<readonly string[]> {
  const { voices } = chorus;
  const opened: string[] = [];
  for (const [turn, { callEach }] of voices.entries()) {
    const indexes = [...logins.keys()].filter((index) => index % voices.length === turn);
    const part = logins.filter((_, index) => index % voices.length === turn);
    const outcomes = await callEach(
      login,
      part.map((each) => loginOf(each)),
    );
    for (const [at, index] of indexes.entries()) opened[index] = openedBy(outcomes[at]?.outcome);
  }
  return opened;
}

describe("A password", () => {
  it("is set, or refused by rule, by every protocol alike", LONG, async () => {
    const people = TEXTS.map((text, index) => ({ text, identifier: `owner${index}`, password: passwordFrom(text) }));
    const outcomes = await chorus.each(
      signup,
      people.map(({ identifier, password }) => create(SignupRequestSchema, { username: identifier, password })),
    );
    for (const [index, person] of people.entries()) {
      const refusal = outcomes[index]?.refusal ?? null;
      if (refusal === null) accounts.push(person);
      else {
        const isTooLong = lengthOf(person.password) > 256 || Buffer.byteLength(person.password) > MOST_BYTES;
        const rule = isTooLong
          ? "InvalidArgument REQUEST_INVALID password"
          : "InvalidArgument PASSWORD_COMMON password";
        expect([person.password, summaryOf(refusal)]).toEqual([person.password, rule]);
      }
    }
    expect(accounts.length).toBeGreaterThan(TEXTS.length - 20);
  });

  it("opens its account, in whatever way it is composed", LONG, async () => {
    const logins = accounts.flatMap(({ identifier, password }) => {
      const forms = new Set([password, password.normalize("NFC"), password.normalize("NFD")]);
      return [...forms].map((form) => ({ identifier, password: form }));
    });
    expect(await openedInTurn(logins)).toEqual(logins.map(({ identifier }) => identifier));
    expect(logins.length).toBeGreaterThan(accounts.length);
  });

  it("is not opened by what is nearly the same", LONG, async () => {
    const misses = accounts.flatMap(({ identifier, password }, index) =>
      nearMissesOf(password, index).map((miss) => ({ identifier, password: miss })),
    );
    expect(await openedInTurn(misses)).toEqual(misses.map(() => "Unauthenticated CREDENTIALS_INVALID"));
    expect(misses.length).toBeGreaterThan(accounts.length);
  });
});

describe("The name of a device", () => {
  it("is told again exactly by every protocol, unless it is too long or holds U+0000", LONG, async () => {
    const isUnfit = ({ text }: Account) => Array.from(text).length > MOST_OF_A_DEVICE || text.includes("\0");
    const unfit = accounts.filter(isUnfit);
    expect(unfit.filter(({ text }) => text.includes("\0"))).not.toEqual([]);
    const refused = await chorus.each(
      login,
      unfit.map((account) => loginOf(account, account.text)),
    );
    expect(refused.map(openedBy)).toEqual(unfit.map(() => "InvalidArgument REQUEST_INVALID device_name"));
    const fitting = accounts.filter((account) => !isUnfit(account));
    for (const { form, callEach } of chorus.voices) {
      const loggedIn = await callEach(
        login,
        fitting.map((account) => loginOf(account, account.text)),
      );
      const [sessionIds, userIds] = [loggedIn.map(only("sessionId")), loggedIn.map(only("id"))];
      const listed = await callEach(
        listSessions,
        userIds.map((userId) => create(ListUserSessionsRequestSchema, { userId })),
      );
      const names = listed.map(({ outcome }, index) => deviceNameIn(outcome.answer, sessionIds[index] ?? ""));
      expect(names, form).toEqual(fitting.map(({ text }) => text));
    }
  });
});

describe("A password that an administrator sets", () => {
  it("opens the account, whichever protocol it was set by", LONG, async () => {
    const renewed = accounts.map((account, index) => ({
      ...account,
      password: accounts.at(index - 1)?.password ?? "",
    }));
    for (const { form, callEach } of chorus.voices) {
      const people = await callEach(
        getUser,
        accounts.map(({ identifier }) =>
          create(GetUserRequestSchema, { identity: { case: "username", value: identifier } }),
        ),
      );
      const userIds = people.map(only("id"));
      const set = await callEach(
        setPassword,
        renewed.map(({ password }, index) =>
          create(SetUserPasswordRequestSchema, { userId: userIds[index] ?? "", password }),
        ),
      );
      expect(
        set.filter(({ outcome }) => outcome.refusal !== null),
        form,
      ).toEqual([]);
    }
    expect(await openedInTurn(renewed)).toEqual(renewed.map(({ identifier }) => identifier));
  });
});

/** Reads the one text of this name in an answer. */
function only(name: string) {
  return ({ outcome }: { readonly outcome: Outcome }): string => {
    const [text, ...others] = textsIn(outcome.answer, name);
    if (text === undefined || others.length > 0) throw new Error(`${name} is in the answer ${others.length} times`);
    return text;
  };
}

/** The name of the device of this session, as a list of sessions tells it; empty if it has none. */
function deviceNameIn(answer: JsonValue, sessionId: string): string | null {
  const { sessions }: { sessions?: { id?: string; deviceName?: string }[] } = JSON.parse(JSON.stringify(answer));
  const found = sessions?.find(({ id }) => id === sessionId);
  return found === undefined ? null : (found.deviceName ?? "");
}
