/** The ledger is no use if it agrees with everything: here it says what is not so. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { welcomeAdmin } from "../support/people.ts";
import { newAttempt } from "../support/refreshing.ts";
import { contradictions, revived } from "./support/hold-to-account.ts";
import { act, type Callers, newPerson, type Person, type Ticket } from "./support/ledger.ts";
import { settle } from "./support/settle.ts";

let app: TestApp;
let callers: Callers;
let born = 0;

beforeAll(async () => {
  app = await startApp();
  const { admin } = await welcomeAdmin(app);
  await admin.setRole({ name: "clerk", permissions: [] });
  callers = { auth: clientsOf(app.url).auth, admin };
});
afterAll(() => app.close());

/** Somebody with a session that was refreshed once. */
async function somebody(): Promise<{ readonly person: Person; readonly ticket: Ticket }> {
  const person = newPerson(`somebody-${born++}`);
  await act(person, { kind: "signup" }, callers);
  await act(person, { kind: "login" }, callers);
  const [ticket] = person.tickets;
  if (ticket === undefined) throw new Error("a login without a session");
  await act(person, { kind: "refresh", ticket, attemptId: newAttempt() }, callers);
  return { person, ticket };
}

describe("The ledger", () => {
  it("agrees with a service that does what it says", async () => {
    const { person } = await somebody();
    await act(person, { kind: "roles", roles: ["clerk", "user"] }, callers);
    expect(await contradictions(person, callers)).toEqual([]);
    await act(person, { kind: "password", password: "lanterns at the old bridge" }, callers);
    expect(await contradictions(person, callers)).toEqual([]);
  });

  it("contradicts a service that lost a logout, roles, a login, or a signup", async () => {
    const { person, ticket } = await somebody();
    ticket.isOver = true;
    expect(await contradictions(person, callers)).toContainEqual(expect.stringMatching(/came back: GRANTED$/));
    expect(await revived([ticket.accessToken], callers)).toHaveLength(1);
    ticket.isOver = false;
    person.roles = ["clerk"];
    expect(await contradictions(person, callers)).toEqual([`${person.name} holds user, not clerk`]);
    person.roles = ["user"];
    person.strays = 1;
    expect(await contradictions(person, callers)).toEqual([`${person.name} has 1 sessions, not 2`]);
    const nobody = { ...newPerson("nobody"), userId: "usr_00000000-0000-7000-8000-000000000000" };
    await expect(contradictions(nobody, callers)).rejects.toThrow();
  });

  it("contradicts a service that lost a refresh, and so has two successors of one token", async () => {
    const { person, ticket } = await somebody();
    ticket.refreshToken = "lost";
    expect(await contradictions(person, callers)).toEqual([`a session of ${person.name} was forked`]);
  });

  it("contradicts a service that lost a password, or keeps an old one", async () => {
    const { person } = await somebody();
    await expect(contradictions({ ...person, password: "never told to anybody" }, callers)).rejects.toThrow();
    const keeps = { ...person, oldPassword: person.password };
    await expect(contradictions(keeps, callers)).rejects.toThrow("the call succeeded");
  });

  it("finds out whether what was never answered happened", async () => {
    const { person, ticket } = await somebody();
    person.pending = { kind: "logout", ticket };
    expect(await settle(person, callers)).toBe("never happened");
    await callers.auth.logout({ refreshToken: ticket.refreshToken });
    person.pending = { kind: "logout", ticket };
    expect(await settle(person, callers)).toBe("happened");
    const password = "lanterns beneath the old bridge";
    person.pending = { kind: "password", password };
    expect(await settle(person, callers)).toBe("never happened");
    await callers.admin.setUserPassword({ userId: person.userId, password });
    person.pending = { kind: "password", password };
    expect(await settle(person, callers)).toBe("happened");
    expect(await contradictions(person, callers)).toEqual([]);
  });
});
