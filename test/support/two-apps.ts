/** Two instances on one database. */
import { randomBytes } from "node:crypto";
import { startApp, type TestApp } from "./app.ts";
import { clientsOf } from "./clients.ts";
import { verdictOf } from "./decisions.ts";
import type { FakeClock } from "./fake-clock.ts";
import { makePlace } from "./postgres.ts";

/** Databases that instances can share. */
export const ENGINES = ["SQLite", "PostgreSQL"] as const;

/** A database that instances can share. */
export type Engine = (typeof ENGINES)[number];

/** Two instances on one database, with one clock. */
export type TwoApps = {
  readonly first: TestApp;
  readonly second: TestApp;
  /** What leads to their database, for whoever works on it beside them. */
  readonly settings: Readonly<Record<string, string>>;
  /** Lets time pass for the sessions, in milliseconds. */
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Starts an instance, and a second one on its database. Close them when the test is done. */
export function startTwoApps(engine: Engine = "SQLite"): Promise<TwoApps> {
  return engine === "SQLite" ? startOnSqlite() : startOnPostgres();
}

async function startOnSqlite(): Promise<TwoApps> {
  const first = await startApp();
  const second = await startApp({ dataDir: first.dataDir, clock: first.clock });
  return {
    first,
    second,
    settings: {},
    pass: async (milliseconds) => first.clock.advance(milliseconds),
    async close() {
      await second.close();
      await first.close();
    },
  };
}

async function startOnPostgres(): Promise<TwoApps> {
  const place = await makePlace();
  const settings = {
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_DATABASE_CONNECTIONS: "5",
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
  };
  // At once, on a database that is empty.
  const [first, second] = await Promise.all([
    startApp({ settings, clock: databaseClock }),
    startApp({ settings, clock: databaseClock }),
  ]);
  return {
    first,
    second,
    settings,
    async pass(milliseconds) {
      for (const table of ["sessions", "session_rotations"])
        await place.ask(`update ${table} set rotated_at = rotated_at - ${milliseconds}`);
    },
    async close() {
      await second.close();
      await first.close();
      await place.remove();
    },
  };
}

/** Times come from the database, whose clock nobody moves. */
const databaseClock: FakeClock = {
  now: () => Date.now(),
  advance() {
    throw new Error("this clock goes by itself");
  },
};

/** What an instance decides about a token now. */
export async function verdictAt(app: TestApp, accessToken: string, allPermissions: string[] = []): Promise<string> {
  return verdictOf(await clientsOf(app.url).auth.authorize({ accessToken, allPermissions }));
}
