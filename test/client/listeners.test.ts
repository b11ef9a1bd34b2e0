/** Listeners to changes: whatever they do, the client goes on, and so does the process. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { SallyportClientOptions } from "../../src/client/client.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { changesOf } from "../support/client-changes.ts";
import { clientOn } from "../support/client-wire.ts";
import { passwordOf, signUp } from "../support/people.ts";

const ADA = { identifier: "ada", password: passwordOf("ada") };

let app: TestApp;
/** What would have ended a process of Node's. */
let uncaught: unknown[];
const note = (error: unknown) => void uncaught.push(error);

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());
beforeEach(() => {
  uncaught = [];
  process.on("uncaughtException", note).on("unhandledRejection", note);
});
afterEach(() => {
  process.off("uncaughtException", note).off("unhandledRejection", note);
});

async function newClient(options: Pick<SallyportClientOptions, "onListenerError"> = {}) {
  const { client } = clientOn(app, options);
  await client.login(ADA);
  return client;
}

/** Unhandled rejections are told after the microtasks. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

const fault = new Error("the page has no such element");
const FAULTY: readonly (readonly [string, () => void | Promise<void>])[] = [
  [
    "throws",
    () => {
      throw fault;
    },
  ],
  ["rejects", () => Promise.reject(fault)],
  [
    "rejects later",
    async () => {
      await null;
      throw fault;
    },
  ],
];

describe("A listener that", () => {
  it.each(FAULTY)("%s keeps nothing from the others, nor from the client", async (_what, listener) => {
    const told: unknown[] = [];
    const client = await newClient({ onListenerError: (error) => told.push(error) });
    client.onChange(listener);
    const changes = changesOf(client);
    await client.refresh();
    await client.logout();
    await settled();
    expect(changes).toEqual(["refreshed ada", "signed-out ada: LOGGED_OUT"]);
    expect(told).toEqual([fault, fault]);
    expect(uncaught).toEqual([]);
  });

  it.each(FAULTY)("%s is told of on the console, unless it is asked for elsewhere", async (_what, listener) => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => said.mockRestore());
    const client = await newClient();
    client.onChange(listener);
    await client.refresh();
    await settled();
    expect(said.mock.calls).toEqual([[expect.stringContaining("a listener"), fault]]);
    expect(uncaught).toEqual([]);
  });

  it.each(FAULTY)("%s does no harm even if whoever is told of it does the same", async (_what, failing) => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => said.mockRestore());
    const client = await newClient({ onListenerError: failing });
    client.onChange(() => {
      throw new Error("first");
    });
    await client.refresh();
    await settled();
    expect(said.mock.calls.map(([, error]) => error)).toEqual([new Error("first"), fault]);
    expect(uncaught).toEqual([]);
  });

  it("has left hears nothing of a change that was on its way to it", async () => {
    const client = await newClient();
    const heard: string[] = [];
    const leaves: (() => void)[] = [];
    client.onChange(() => leaves.forEach((leave) => void leave()));
    leaves.push(client.onChange(({ kind }) => void heard.push(kind)));
    await client.refresh();
    await settled();
    expect(heard).toEqual([]);
  });

  it("listens to a client hears nothing once that is closed, not even what was on its way", async () => {
    const client = await newClient();
    const heard: string[] = [];
    client.onChange(() => client.close());
    client.onChange(({ kind }) => void heard.push(kind));
    await client.refresh();
    await settled();
    expect(heard).toEqual([]);
  });
});
