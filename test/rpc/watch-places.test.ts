/** Places for watchers of the feed: how many there are, and who loses its own. */
import type { ClientHttp2Session } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { endSessions } from "../support/bulk-sessions.ts";
import { delegate, verdictOf } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, type Person, signUp, welcomeAdmin } from "../support/people.ts";
import { openSession, watchRaw } from "../support/raw-watcher.ts";
import { refusalOf } from "../support/refusals.ts";
import { serviceKey, untilCheckpoint, watch } from "../support/watching.ts";

let app: TestApp;
let admin: Person;
let sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions) session.destroy();
  sessions = [];
  await app.close();
});

async function start(all: number, ofService: number): Promise<void> {
  app = await startApp({ watcherBounds: { all, ofService } });
  admin = await welcomeAdmin(app);
}

const keyOf = (service: string) => serviceKey(admin, service);

/** Watches until it is told to leave. */
async function stay(apiKey: string): Promise<() => Promise<void>> {
  const verifier = delegate(app, apiKey);
  await verifier.ready();
  return verifier.close;
}

/** Watches for a moment: `null`, or the refusal. */
const lookIn = (apiKey: string) =>
  watch(app, apiKey, untilCheckpoint).then(
    () => null,
    (error) => refusalOf(Promise.reject(error)),
  );
const TOO_MANY = { code: "ResourceExhausted", reason: "TOO_MANY_WATCHERS", retryDelayMs: 5_000 };

function session(windowBytes?: number): ClientHttp2Session {
  const opened = openSession(app, windowBytes);
  sessions.push(opened);
  return opened;
}

describe("A place to watch from", () => {
  it("is refused to a service that has as many as it may, and to no other", async () => {
    await start(10, 2);
    const [orders, billing] = [await keyOf("orders"), await keyOf("billing")];
    const leave = await stay(orders);
    await stay(orders);
    expect(await lookIn(orders)).toMatchObject(TOO_MANY);
    expect(await lookIn(billing)).toBeNull();
    await leave();
    await expect.poll(() => lookIn(orders)).toBeNull();
  });

  it("is refused to everybody once all are taken, until somebody leaves", async () => {
    await start(3, 2);
    const [orders, billing, stock] = [await keyOf("orders"), await keyOf("billing"), await keyOf("stock")];
    await stay(orders);
    await stay(orders);
    const leave = await stay(billing);
    for (const key of [orders, billing, stock]) expect(await lookIn(key)).toMatchObject(TOO_MANY);
    await leave();
    await expect.poll(() => lookIn(stock)).toBeNull();
  });

  it("is not taken by those who are refused, nor kept by those who are gone before they were told anything", async () => {
    await start(1, 1);
    const [orders, nosy] = [await keyOf("orders"), await serviceKey(admin, "nosy", ["users:read"])];
    const after = { $typeName: "sallyport.auth.v1.Revision" as const, logId: "", number: 0n };
    for (let count = 0; count < 3; count += 1) {
      expect(await lookIn(nosy)).toMatchObject({ reason: "PERMISSION_MISSING" });
      expect(await refusalOf(watch(app, orders, () => true, { after }))).toMatchObject({ reason: "REQUEST_INVALID" });
      expect(await lookIn(orders)).toBeNull();
      const client = session();
      watchRaw(client, orders);
      await new Promise((resolve) => client.once("connect", resolve));
      client.destroy();
      await expect.poll(() => lookIn(orders)).toBeNull();
    }
  });
});

describe("A watcher that takes nothing", () => {
  it("loses its place at once when its credential is revoked, and hears why when it reads on", async () => {
    await start(2, 1);
    const [orders, billing] = [await keyOf("orders"), await keyOf("billing")];
    const verifier = delegate(app, await keyOf("stock"));
    await verifier.ready();
    const client = session(0);
    const stuck = watchRaw(client, orders);
    await expect.poll(() => lookIn(billing)).toMatchObject(TOO_MANY);
    // Far more than the server writes before somebody takes it: whoever tells the watcher waits now.
    await endSessions(app, 2_000);
    await eventually(() => verifier.state().revision?.number).toBeGreaterThan(2_000);
    await admin.admin.revokeService({ name: "orders" });
    expect(await lookIn(billing)).toBeNull();
    expect(stuck.isOpen()).toBe(true);
    client.settings({ initialWindowSize: 2 ** 20 });
    await stuck.begun;
    expect(await stuck.ended).toMatchObject({ status: "16", message: expect.stringMatching(/was%20revoked/) });
    // It had one place, and gave it up once.
    await stay(billing);
    expect(await lookIn(await keyOf("ledger"))).toMatchObject(TOO_MANY);
  });

  it("loses its place once the ring has passed it, and hears why when it reads on; others are served", {
    timeout: 240_000,
  }, async () => {
    await start(4, 4);
    const [orders, billing] = [await keyOf("orders"), await keyOf("billing")];
    await signUp(app, "ada");
    const verifier = delegate(app, orders);
    await verifier.ready();
    const slow = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const watcher = watchRaw(session(), orders);
        await watcher.begun;
        watcher.pause();
        return watcher;
      }),
    );
    expect(await lookIn(billing)).toMatchObject(TOO_MANY);
    // More than a stream may hold, and then more than the ring does.
    for (const count of [5_000, 5_000, 35_000, 35_000]) {
      await endSessions(app, count);
      await expect
        .poll(() => verifier.state().revision?.number, { timeout: 100_000, interval: 50 })
        .toBeGreaterThan(count);
    }
    const { auth, tokens } = await logIn(app, "ada", ["orders"]);
    await auth.logout({ refreshToken: tokens.refreshToken });
    await eventually(() => verdictOf(verifier, tokens.accessToken)).toBe("SESSION_REVOKED");
    expect(await lookIn(billing)).toBeNull();
    expect(slow.map(({ isOpen }) => isOpen())).toEqual([true, true, true]);
    for (const { resume } of slow) resume();
    for (const { ended } of slow)
      expect(await ended).toMatchObject({ status: "10", message: expect.stringMatching(/not%20read%20as%20fast/) });
    expect(verifier.kinds()).not.toContain("disconnected");
  });
});
