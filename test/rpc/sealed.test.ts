/** A service on a database that is copied elsewhere while it runs: it serves no more, and goes on if the seal is taken back. */
import { describe, expect, it, onTestFinished } from "vitest";
import { takeBackSeal } from "../../src/copy/take-back-seal.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { type CopyPlace, copyBetween, DIRECTIONS, makeCopyPlace } from "../support/copying.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { logIn, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

const realTime: FakeClock = { now: () => Date.now(), advance: () => {} };
const readiness = async ({ url }: TestApp) => (await fetch(`${url}/readyz`)).status;
const said = (app: TestApp, event: string) => app.logged().filter((line) => line.event === event);

describe.each(DIRECTIONS.slice(0, 2))("A service whose database is copied from %s to %s", (from, to) => {
  it("refuses what writes and what reads, is not ready, says so, and tells no fresh news any more", async () => {
    const [source, target] = [await makeCopyPlace(from), await makeCopyPlace(to)];
    const app = await startApp({ settings: source.settings, clock: realTime });
    onTestFinished(() => app.close());
    const root = await welcomeAdmin(app);
    const { accessToken, refreshToken } = root.tokens;
    const { auth } = clientsOf(app.url);
    await copyBetween(source, target);

    await eventually(() => readiness(app)).toBe(503);
    const unavailable = { code: "Unavailable", reason: "UNAVAILABLE" };
    expect(await refusalOf(auth.refresh({ refreshToken }))).toMatchObject(unavailable);
    expect(await refusalOf(auth.logout({ refreshToken }))).toMatchObject(unavailable);
    expect(await refusalOf(logIn(app, "root"))).toMatchObject(unavailable);
    expect(await refusalOf(root.admin.listUsers({}))).toMatchObject(unavailable);
    expect(await refusalOf(root.admin.setRole({ name: "clerk", permissions: [] }))).toMatchObject(unavailable);
    const asOf = async () => (await auth.authorize({ accessToken })).asOf;
    const then = await asOf();
    await expect
      .poll(() => refusalOf(auth.authorize({ accessToken, maxStaleness: { seconds: 1n, nanos: 0 } })).catch(() => null))
      .toMatchObject({ reason: "TOO_STALE" });
    expect(await asOf()).toEqual(then);
    expect(said(app, "database_sealed")).toMatchObject([
      { level: "error", error: { message: expect.stringContaining("is sealed so that the two cannot both serve") } },
    ]);
  });

  it("is ready again and takes writes when the seal is taken back", async () => {
    const [source, target] = [await makeCopyPlace(from), await makeCopyPlace(to)];
    const app = await startApp({ settings: source.settings, clock: realTime });
    onTestFinished(() => app.close());
    const root = await welcomeAdmin(app);
    await copyBetween(source, target);
    await eventually(() => readiness(app)).toBe(503);
    await takeBackSeal({ open: source.openSource });
    await eventually(() => readiness(app)).toBe(200);
    const again = await clientsOf(app.url).auth.refresh({ refreshToken: root.tokens.refreshToken });
    const decision = await clientsOf(app.url).auth.authorize({ accessToken: again.accessToken });
    expect(verdictOf(decision)).toBe("GRANTED");
    expect((await root.admin.listUsers({})).users).toHaveLength(1);
    expect(said(app, "log_read_again")).toHaveLength(1);
  });
});

it("A service that is started on a PostgreSQL that is being filled waits for the end of it, and makes no keys of its own", async () => {
  const [source, target] = [await makeCopyPlace("SQLite"), await makeCopyPlace("PostgreSQL")];
  const first = await startApp({ settings: source.settings, clock: realTime });
  const root = await welcomeAdmin(first);
  await first.close();
  const started: Promise<TestApp>[] = [];
  const slow = {
    async openTarget() {
      const side = await target.openTarget();
      const clear: typeof side.clear = async (table) => {
        if (started.length === 0) started.push(startApp({ settings: target.settings, clock: realTime }));
        // It is at the door when it waits for a lock.
        await eventually(async () => (await waitingIn(target)).length).toBe(1);
        await side.clear(table);
      };
      return { ...side, clear };
    },
  };
  await copyBetween(source, slow);
  const [app] = await Promise.all(started);
  if (app === undefined) throw new Error("nothing was started");
  onTestFinished(() => app.close());
  const refreshed = await clientsOf(app.url).auth.refresh({ refreshToken: root.tokens.refreshToken });
  expect(refreshed.sessionId).toBe(root.tokens.sessionId);
  expect(await target.ask("select kid from signing_keys")).toHaveLength(3);
});

const waitingIn = ({ ask }: CopyPlace) =>
  ask(`select 1 from pg_locks where not granted and relation = to_regclass('meta')`);
