/** Tabs that share a session, and everything that may go wrong between them and the server, at random. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryStore, type SessionStore } from "../../src/client/session-store.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { createProfile } from "../support/client-store.ts";
import { clientOn, LOST_ANSWER, LOST_REQUEST, type Mishap } from "../support/client-wire.ts";
import { passwordOf, signUp } from "../support/people.ts";

const ADA = { identifier: "ada", password: passwordOf("ada") };

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

/** What a tab does, or what happens to its next refreshes; `pass` is for all. */
type Step =
  | { readonly do: "call" | "refresh" | "reopen"; readonly tab: number }
  | { readonly do: "mishap"; readonly tab: number; readonly kind: "request" | "answer" | "slow" }
  | { readonly do: "pass"; readonly seconds: number };

const TABS = 3;
const anyTab = fc.nat(TABS - 1);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("call", "refresh", "reopen"), tab: anyTab }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("mishap"),
      tab: anyTab,
      kind: fc.constantFrom("request", "answer", "slow"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass"), seconds: fc.constantFrom(1, 29, 31, 600, 90_000) }) },
);

/** Steps of one moment run side by side; the moments come one after the other. */
const anyHistory = fc.array(fc.array(anyStep, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });

async function run(moments: readonly (readonly Step[])[], open: () => SessionStore): Promise<void> {
  const openTab = () => clientOn(app, { store: open() });
  const tabs = Array.from({ length: TABS }, openTab);
  const tabOf = (index: number) => tabs[index] ?? openTab();
  const store = open();
  const { sessionId } = await tabOf(0).client.login(ADA);
  const changes = changesOf(tabOf(0).client);
  let newest = 1;
  // What an ordinary caller sees of a mishap is an error that says "unavailable", never that somebody is signed out.
  const failures: string[] = [];
  const attempt = (call: Promise<unknown>) => call.catch((error: unknown) => void failures.push(String(error)));

  async function take(step: Step): Promise<void> {
    if (step.do === "pass") return app.clock.advance(step.seconds * 1000);
    const { client, wire } = tabOf(step.tab);
    if ("kind" in step) return wire.plan("Refresh", MISHAPS[step.kind]);
    if (step.do === "call") await attempt(client.account.getAccount({}));
    else if (step.do === "refresh") await attempt(client.refresh());
    else {
      client.close();
      tabs[step.tab] = openTab();
    }
  }

  for (const moment of moments) {
    await Promise.all(moment.map(take));
    const { generation } = JSON.parse((await store.read()) ?? "null");
    expect(generation).toBeGreaterThanOrEqual(newest);
    newest = generation;
  }
  for (const { wire } of tabs) wire.heal();
  app.clock.advance(600_000);
  for (const { client } of tabs) {
    expect((await client.account.getAccount({})).user?.username).toBe("ada");
    expect((await client.session())?.sessionId).toBe(sessionId);
    client.close();
  }
  expect(changes.filter((change) => change.startsWith("signed-"))).toEqual([]);
  expect(
    failures.filter((failure) => !/unavailable|canceled|superseded|\[aborted\]|newer refresh/.test(failure)),
  ).toEqual([]);
}

const MISHAPS: Readonly<Record<"request" | "answer" | "slow", Mishap>> = {
  request: LOST_REQUEST,
  answer: LOST_ANSWER,
  slow: { after: () => new Promise((resolve) => setTimeout(resolve, 3)) },
};

describe("Whatever comes between tabs and the server, nobody is signed out and no generation goes back,", () => {
  it.each<[string, () => () => SessionStore]>([
    [
      "with one store in memory",
      () => {
        const store = createMemoryStore();
        return () => store;
      },
    ],
    [
      "with Web Locks",
      () => {
        const profile = createProfile();
        return () => profile.openTab();
      },
    ],
    [
      "without Web Locks",
      () => {
        const profile = createProfile();
        return () => profile.openTab({ locks: null });
      },
    ],
  ])("%s", async (_name, createOpen) => {
    await fc.assert(
      fc.asyncProperty(anyHistory, (moments) => run(moments, createOpen())),
      { numRuns: 40 },
    );
  });
});
