/** The command line on PostgreSQL, as an operator uses it. */
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MIGRATION_NAMES } from "../../src/store/migrate.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, passwordOf, welcome } from "../support/people.ts";
import { makePlace, startPostgres, type TestPlace, type TestServer } from "../support/postgres.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let server: TestServer;
let place: TestPlace;
let settings: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.remove());

beforeEach(async () => {
  place = await makePlace(server.url);
  settings = {
    SALLYPORT_DATABASE_URL: place.url,
    SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
    SALLYPORT_DATA_DIR: "/nowhere/at/all",
  };
});
afterEach(() => place.remove());

const run = (args: readonly string[], input = "", more = {}) => runCommand(args, { ...settings, ...more }, input);
const NAME = /127\.0\.0\.1:\d+\/postgres/;

describe("On PostgreSQL", () => {
  it("nothing starts without the issuer and the master key, which every instance needs", async () => {
    const { code, stderr } = await run(["serve"], "", { SALLYPORT_ISSUER: "", SALLYPORT_MASTER_KEY: "" });
    expect(code).toBe(2);
    expect(stderr).toContain("SALLYPORT_ISSUER must be set where SALLYPORT_DATABASE_URL is");
    expect(stderr).toContain("SALLYPORT_MASTER_KEY must be set where SALLYPORT_DATABASE_URL is");
  });

  it("migrate makes the schema, says where, and does nothing the second time", async () => {
    const first = await run(["migrate"]);
    expect(first).toMatchObject({ code: 0, stdout: `migrated: ${MIGRATION_NAMES.join(", ")}\n` });
    expect(first.stderr).toMatch(/^sallyport: made a new database in /);
    expect(first.stderr).toMatch(NAME);
    expect(await run(["migrate"])).toEqual({ code: 0, stdout: "the schema is up to date\n", stderr: "" });
  });

  it("commands other than those refuse a database that is not there, and make none", async () => {
    const { code, stderr } = await run(["users", "list"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/there is no database in .*; set SALLYPORT_DATABASE_URL, or make one: sallyport migrate/);
    expect(await place.ask("select relname from pg_class where relnamespace = current_schema()::regnamespace")).toEqual(
      [],
    );
  });

  it("the first administrator is made, the service starts, and commands beside it are obeyed", async () => {
    expect(await run(["users", "create", "root", "--role", "admin"], passwordOf("root"))).toMatchObject({ code: 0 });
    const service = await startServerProcess(settings);
    try {
      const { tokens } = await logIn(service, "root");
      const { auth } = clientsOf(service.url);
      const verdict = async () => verdictOf(await auth.authorize({ accessToken: tokens.accessToken }));
      expect(await verdict()).toBe("GRANTED");
      const rotated = await run(["keys", "rotate", "--now"]);
      expect(rotated.code).toBe(0);
      expect(await run(["restored"])).toMatchObject({ code: 0 });
      await eventually(verdict).toBe("TOKEN_INVALID, LOG_IN");
    } finally {
      expect(await service.end("SIGTERM")).toEqual({ code: 0, signal: null });
    }
  });

  it("two services that start at once on an empty database make one set of keys, and honour each other's tokens", async () => {
    const services = await Promise.all([startServerProcess(settings), startServerProcess(settings)]);
    try {
      const [first, second] = services;
      const { tokens } = await welcome(first, "ada");
      const { auth } = clientsOf(second.url);
      expect(verdictOf(await auth.authorize({ accessToken: tokens.accessToken }))).toBe("GRANTED");
      expect((await auth.refresh({ refreshToken: tokens.refreshToken })).sessionId).toBe(tokens.sessionId);
      const keys = "select use, state from signing_keys order by use, state";
      expect((await place.ask(keys)).map(({ use, state }) => `${use} ${state}`)).toEqual([
        "access active",
        "access next",
        "refresh active",
      ]);
      expect(await place.ask("select name from kysely_migration")).toHaveLength(MIGRATION_NAMES.length);
    } finally {
      const ends = await Promise.all(services.map((service) => service.end("SIGTERM")));
      expect(ends).toEqual(services.map(() => ({ code: 0, signal: null })));
    }
  });

  it("a service outlives its server, refuses meanwhile, and goes on when it is back", async () => {
    expect(await run(["users", "create", "root"], passwordOf("root"))).toMatchObject({ code: 0 });
    const service = await startServerProcess(settings);
    try {
      const { tokens } = await logIn(service, "root");
      const { auth } = clientsOf(service.url);
      const verdict = async () => verdictOf(await auth.authorize({ accessToken: tokens.accessToken }));
      await server.kill();
      const refresh = () => refusalOf(auth.refresh({ refreshToken: tokens.refreshToken }));
      expect(await refresh()).toMatchObject({ reason: "UNAVAILABLE" });
      expect(await refusalOf(logIn(service, "root"))).toMatchObject({ reason: "UNAVAILABLE" });
      expect(await verdict()).toBe("GRANTED");
      // The next poll tells.
      await eventually(() => service.output().stderr).toContain("log_unreadable");
      await server.start();
      const next = () => auth.refresh({ refreshToken: tokens.refreshToken }).then(({ sessionId }) => sessionId);
      await eventually(() => next().catch((error: unknown) => error)).toBe(tokens.sessionId);
      expect(service.output().stderr).not.toContain(new URL(place.url).password);
    } finally {
      expect(await service.end("SIGTERM")).toEqual({ code: 0, signal: null });
    }
  });

  it.each([
    ["serve", "127.0.0.1:1"],
    ["users list", "127.0.0.1:1"],
  ])("%s tells of a server that is not there, without its password", async (command, host) => {
    const url = `postgres://ada:hunter2@${host}/auth`;
    const { code, stdout, stderr } = await run(command.split(" "), "", { SALLYPORT_DATABASE_URL: url });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/127\.0\.0\.1:1\/auth cannot be used: .*ECONNREFUSED.*; see whether the server runs/);
    expect(stderr).not.toContain("hunter2");
  });
});

describe("The doctor on PostgreSQL", () => {
  /** What it finds, by what it looked at. */
  async function diagnosis(more: Readonly<Record<string, string>> = {}) {
    const { code, stdout } = await run(["doctor", "--json"], "", more);
    const findings: { name: string; found: string; mend: string | null }[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    return { code, ...Object.fromEntries(findings.map(({ name, found, mend }) => [name, mend ?? found])) };
  }

  it("looks at server, schema, issuer, master key and clock, and at no data folder", async () => {
    await run(["users", "create", "root"], passwordOf("root"));
    const found: Record<string, unknown> = await diagnosis();
    expect(found).toMatchObject({
      // The servers of tests do not write to their disks at once.
      code: 1,
      database: "set both to on there, or lose changes with the power",
      schema: "of this version",
      "master key": "opens all 3 keys",
      clock: "that of the database, or nearly",
    });
    expect(Object.keys(found)).not.toContain("data folder");
  });

  it("says what is wrong with key, issuer and schema", async () => {
    const service = await startServerProcess(settings);
    await service.end("SIGTERM");
    await place.ask("insert into kysely_migration values ('9999-later', 'then')");
    const wrong = { SALLYPORT_ISSUER: "https://other.example", SALLYPORT_MASTER_KEY: "A".repeat(43) };
    expect(await diagnosis(wrong)).toMatchObject({
      code: 1,
      schema: "run that version",
      issuer: expect.stringContaining("set SALLYPORT_ISSUER to http://sallyport.test"),
      "master key": expect.stringContaining("set SALLYPORT_MASTER_KEY"),
    });
  });

  it("says so of a server that is not there", async () => {
    const gone = { SALLYPORT_DATABASE_URL: "postgres://ada:hunter2@127.0.0.1:1/auth" };
    expect(await diagnosis(gone)).toMatchObject({
      code: 1,
      database: expect.stringContaining("see whether the server"),
    });
  });
});
