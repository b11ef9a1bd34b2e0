/** What every store promises, and what a text must be to be taken for a session. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBrowserStore } from "../../src/client/browser-store.ts";
import { createFileStore } from "../../src/client/node/file-store.ts";
import { decodeRecord } from "../../src/client/session-record.ts";
import { createMemoryStore, type SessionStore, SessionStoreError } from "../../src/client/session-store.ts";
import { startApp, type TestApp, temporaryFolder } from "../support/app.ts";
import { createProfile } from "../support/client-store.ts";
import { clientOn } from "../support/client-wire.ts";
import { passwordOf, signUp } from "../support/people.ts";

let folder: string;
let files = 0;

beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Ways to open one store as often as one likes. */
const STORES: readonly (readonly [string, () => () => SessionStore])[] = [
  [
    "in memory",
    () => {
      const store = createMemoryStore();
      return () => store;
    },
  ],
  [
    "of tabs with Web Locks",
    () => {
      const profile = createProfile();
      return () => profile.openTab();
    },
  ],
  [
    "of tabs without Web Locks",
    () => {
      const profile = createProfile();
      return () => profile.openTab({ locks: null });
    },
  ],
  [
    "in a file",
    () => {
      files += 1;
      const path = join(folder, `session-${files}`);
      return () => createFileStore({ path });
    },
  ],
];

describe.each(STORES)("A store %s", (name, openOne) => {
  it("holds nothing at first, then what was put into it, for all who share it", async () => {
    const open = openOne();
    const [one, other] = [open(), open()];
    expect(await one.read()).toBeNull();
    expect(await one.replace(null, "first")).toBe(true);
    expect(await other.read()).toBe("first");
    expect(await other.replace("first", "second: ✓ \u0000 ü")).toBe(true);
    expect(await one.read()).toBe("second: ✓ \u0000 ü");
    expect(await one.replace("second: ✓ \u0000 ü", null)).toBe(true);
    expect(await other.read()).toBeNull();
  });

  it("changes nothing for whoever expects something else", async () => {
    const store = openOne()();
    expect(await store.replace("first", "second")).toBe(false);
    expect(await store.replace("first", null)).toBe(false);
    expect(await store.read()).toBeNull();
    await store.replace(null, "second");
    for (const expected of [null, "", "first", "secon", "second "])
      for (const next of ["third", null]) expect(await store.replace(expected, next)).toBe(false);
    expect(await store.read()).toBe("second");
  });

  it("lets one of many win who expect the same", async () => {
    const open = openOne();
    await open().replace(null, "start");
    const won = await Promise.all(Array.from({ length: 12 }, (_, index) => open().replace("start", `by ${index}`)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await open().read()).toBe(`by ${won.indexOf(true)}`);
  });

  it("never lets an older generation replace a newer, however reads and writes come in between", async () => {
    const isFile = name === "in a file";
    const actors = fc.array(fc.array(fc.boolean(), { maxLength: 5 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), actors, async (scheduler, plans) => {
        const open = openOne();
        const written: number[] = [];
        // Each reads, thinks for a while, and stores the generation after the one that it read; some give up in between.
        const work = plans.map(async (plan, actor) => {
          const store = open();
          for (const isDone of plan) {
            const text = await scheduler.schedule(store.read(), `${actor} read`);
            const next = Number(text?.split(" ")[0] ?? 0) + 1;
            const isWon = isDone && (await store.replace(text, `${next} by ${actor}`));
            if (isWon) written.push(next);
            await scheduler.schedule(Promise.resolve(), `${actor} went on`);
          }
        });
        await scheduler.waitFor(Promise.all(work));
        expect(written).toEqual(written.map((_, index) => index + 1));
        expect(await open().read()).toEqual(
          written.length === 0 ? null : expect.stringMatching(new RegExp(`^${written.length} by `)),
        );
      }),
      { numRuns: isFile ? 25 : 200 },
    );
  });

  it("does one piece of exclusive work after the other, even where one fails", async () => {
    const open = openOne();
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
      throw new Error("failed");
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => open().exclusively(work)));
    expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill("rejected"));
    expect(await open().exclusively(async () => "done")).toBe("done");
    expect(most).toBe(name === "of tabs without Web Locks" ? 5 : 1);
  });

  it("says where it is, without a secret", async () => {
    const store = openOne()();
    await store.replace(null, "secret");
    expect(store.place).toMatch(/^(memory|localStorage item "sallyport \d+"|\/.*\/session-\d+)$/);
  });
});

describe("A store of a browser", () => {
  it("is not made where a page has no storage", () => {
    expect(() => createBrowserStore()).toThrow(SessionStoreError);
    expect(() => createBrowserStore()).toThrow("createMemoryStore()");
  });

  it("hears what other tabs do to its own item alone, until it stops", async () => {
    const listeners = new Set<(event: { readonly key: string | null }) => void>();
    const events = {
      addEventListener: (_type: string, listener: (event: { readonly key: string | null }) => void) =>
        void listeners.add(listener),
      removeEventListener: (_type: string, listener: (event: { readonly key: string | null }) => void) =>
        void listeners.delete(listener),
    };
    const storage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
    let heard = 0;
    const stop = createBrowserStore({ key: "mine", storage, events, locks: null }).watch(() => {
      heard += 1;
    });
    for (const key of ["mine", "other", null]) for (const listener of listeners) listener({ key });
    // `null` is what `clear()` says.
    expect(heard).toBe(2);
    stop();
    expect(listeners.size).toBe(0);
  });
});

describe("A stored text", () => {
  let app: TestApp;
  let good: string;
  const ADA = { identifier: "ada", password: passwordOf("ada") };

  beforeAll(async () => {
    app = await startApp();
    await signUp(app, "ada");
    const store = createMemoryStore();
    await clientOn(app, { store }).client.login(ADA);
    good = (await store.read()) ?? "";
  });
  afterAll(() => app.close());

  it("that a client wrote is a session; also with fields that a newer one added", () => {
    expect(decodeRecord(good)?.user.username).toBe("ada");
    const { user, ...rest } = JSON.parse(good);
    expect(decodeRecord(JSON.stringify({ ...rest, user: { ...user, nickname: "a" }, more: 1 }))?.generation).toBe(1);
  });

  it.each([
    ["nothing", () => ""],
    ["half of it", () => good.slice(0, good.length / 2)],
    ["what is no JSON", () => "ada"],
    ["null", () => "null"],
    ["a list", () => "[]"],
    ["a number", () => "7"],
    ["an object of somebody else", () => '{"accessToken":"a","refreshToken":"b"}'],
    ["another form", () => JSON.stringify({ ...JSON.parse(good), sallyport: 2 })],
    ["an empty refresh token", () => JSON.stringify({ ...JSON.parse(good), refreshToken: "" })],
    ["no session id", () => JSON.stringify({ ...JSON.parse(good), sessionId: undefined })],
    ["a generation that is a text", () => JSON.stringify({ ...JSON.parse(good), generation: "1" })],
    ["access tokens that are none", () => JSON.stringify({ ...JSON.parse(good), access: [{ token: 1 }] })],
    ["a user that is none", () => JSON.stringify({ ...JSON.parse(good), user: { id: 7 } })],
  ])("that is %s is refused in words, by everything but forget(), and stays as it is", async (_name, spoilt) => {
    const store = createMemoryStore();
    await store.replace(null, spoilt());
    const { client, wire } = clientOn(app, { store });
    const uses = [
      () => client.session(),
      () => client.login(ADA),
      () => client.logout(),
      () => client.refresh(),
      () => client.accessToken(),
      () => client.account.getAccount({}),
    ];
    for (const use of uses) await expect(use()).rejects.toThrow("look at it, and take it away or call forget()");
    expect(wire.calls).toEqual([]);
    expect(await store.read()).toBe(spoilt());
    await client.forget();
    expect((await client.login(ADA)).user.username).toBe("ada");
  });

  it("that is cut anywhere is refused", () => {
    fc.assert(
      fc.property(fc.nat(), (at) => {
        expect(decodeRecord(good.slice(0, at % good.length))).toBeNull();
      }),
    );
  });
});
