/** A move to PostgreSQL and back, as an operator makes it, with people who notice nothing. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LoginResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { runHere } from "../support/command-here.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, passwordOf, signUp, welcome } from "../support/people.ts";
import { makePlace, type TestPlace } from "../support/postgres.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand, type ServerProcess, startServerProcess } from "../support/server-process.ts";

/** An attempt's own id must do: nobody is given time to be late. */
const COMMON = { SALLYPORT_REFRESH_GRACE_SECONDS: "0" };

let parent: string;
let place: TestPlace;
let folder: string;
let onSqlite: Readonly<Record<string, string>>;
let onPostgres: Readonly<Record<string, string>>;
let server: ServerProcess;

beforeAll(async () => {
  parent = temporaryFolder();
  place = await makePlace();
  folder = join(parent, "data");
  onSqlite = { ...COMMON, SALLYPORT_DATA_DIR: folder };
  const made = await runCommand(["users", "create", "root", "--role", "admin"], onSqlite, passwordOf("root"));
  expect(made, made.stderr).toMatchObject({ code: 0 });
  // As the page says: the text of the file becomes the setting.
  const masterKey = readFileSync(join(folder, "master.key"), "utf8").trim();
  onPostgres = { ...onSqlite, SALLYPORT_DATABASE_URL: place.url, SALLYPORT_MASTER_KEY: masterKey };
  server = await startServerProcess(onSqlite);
});
afterAll(async () => {
  await server.end("SIGTERM");
  await place.remove();
  rmSync(parent, { recursive: true });
});

/** What everybody holds when the move begins. */
type Before = Awaited<ReturnType<typeof liveHere>>;

/** Lives on the server: logs in and out, is given roles, refreshes and loses the answer. */
async function liveHere(suffix: string) {
  const root = await logIn(server, "root");
  await root.admin.setRole({ name: `clerk-${suffix}`, permissions: ["orders:read"] });
  const { apiKey } = await root.admin.createService({ name: `orders-${suffix}`, permissions: ["users:read"] });
  const { apiKey: revokedKey } = await root.admin.createService({
    name: `gone-${suffix}`,
    permissions: ["users:read"],
  });
  await root.admin.revokeService({ name: `gone-${suffix}` });
  const ada = await welcome(server, `ada-${suffix}`);
  await root.admin.setUserRoles({ userId: ada.userId, roles: ["user", `clerk-${suffix}`] });
  const { auth } = clientsOf(server.url);
  const attemptId = new Uint8Array(16).fill(suffix.length);
  const lost = await auth.refresh({ refreshToken: ada.tokens.refreshToken, attemptId });
  const bob = await welcome(server, `bob-${suffix}`);
  const carol = await welcome(server, `carol-${suffix}`);
  const { revision } = await auth.logout({ refreshToken: bob.tokens.refreshToken });
  return {
    apiKey,
    revokedKey,
    ada: ada.tokens,
    attemptId,
    lost,
    bob: bob.tokens,
    carol: carol.tokens,
    revision,
    suffix,
  };
}

const keySet = async () => (await fetch(`${server.url}/.well-known/jwks.json`)).text();
const verdictOn = async ({ accessToken }: Pick<LoginResponse, "accessToken">) =>
  verdictOf(await clientsOf(server.url).auth.authorize({ accessToken }));

/** Expects of the server that all goes on as it was left. */
async function expectTheSame(before: Before, keys: string): Promise<void> {
  const { auth } = clientsOf(server.url);
  const { ada, attemptId, lost, bob, carol, revision: minRevision, suffix } = before;
  expect(await keySet()).toBe(keys);
  expect(await verdictOn(lost)).toBe("GRANTED");
  expect(await verdictOn(carol)).toBe("GRANTED");
  expect(await verdictOn(bob)).toBe("SESSION_REVOKED, LOG_IN");
  expect((await refusalOf(auth.refresh({ refreshToken: bob.refreshToken }))).reason).toBe("SESSION_ENDED");
  const { accessToken } = lost;
  const permitted = await auth.authorize({
    accessToken,
    allPermissions: ["orders:read"],
    ...(minRevision && { minRevision }),
  });
  expect(verdictOf(permitted)).toBe("GRANTED");
  expect(permitted.revision?.logId).toBe(minRevision?.logId);
  // The answer that was lost comes again, to the attempt that it was for.
  const again = await auth.refresh({ refreshToken: ada.refreshToken, attemptId });
  expect(again.refreshToken).toBe(lost.refreshToken);
  const next = await auth.refresh({ refreshToken: lost.refreshToken });
  expect(next.sessionId).toBe(ada.sessionId);
  expect((await refusalOf(auth.refresh({ refreshToken: lost.refreshToken }))).reason).toBe("REFRESH_TOKEN_REUSED");
  expect((await logIn(server, `ada-${suffix}`)).tokens.user?.roles).toEqual([`clerk-${suffix}`, "user"]);
  expect((await clientsOf(server.url, before.apiKey).admin.listUsers({})).users.length).toBeGreaterThan(3);
  expect((await refusalOf(clientsOf(server.url, before.revokedKey).admin.listUsers({}))).code).toBe("Unauthenticated");
  const ended = await auth.logout({ refreshToken: carol.refreshToken });
  expect(Number(ended.revision?.number)).toBeGreaterThan(Number(minRevision?.number));
  expect(await verdictOn(carol)).toBe("SESSION_REVOKED, LOG_IN");
}

/** Signs people up for as long as it works; the names of those that were told so. */
function signPeopleUp() {
  const names: string[] = [];
  let isOver = false;
  const work = (async () => {
    for (let count = 0; !isOver; count += 1) {
      const name = `newcomer-${count}`;
      await signUp(server, name).then(
        () => names.push(name),
        () => {},
      );
    }
  })();
  return {
    names,
    async stop() {
      isOver = true;
      await work;
    },
  };
}

describe("A service that moves", () => {
  let before: Before;
  let keys: string;

  it("from SQLite to PostgreSQL loses nothing that it acknowledged, up to the moment when it serves no more", async () => {
    before = await liveHere("there");
    keys = await keySet();
    const signups = signPeopleUp();
    await eventually(() => signups.names.length).toBeGreaterThan(5);
    const copied = await runCommand(["db", "copy", "--from", folder, "--to", "postgres"], onPostgres);
    expect(copied, copied.stderr).toMatchObject({ code: 0 });
    expect(copied.stdout).toMatch(/^users {2}\d+ {2}[\da-f]{64}$/m);
    expect(copied.stdout.match(/\n/g)).toHaveLength(12);
    expect(copied.stderr).toMatch(/^sallyport: copying sessions: (\d+) of \1 rows$/m);
    expect(copied.stderr).toMatch(
      /copied \d+ rows from .* to 127.*, and compared them; .*\/data is sealed; serve from 127/,
    );
    await signups.stop();
    expect((await refusalOf(signUp(server, "too-late"))).reason).toBe("UNAVAILABLE");
    const there = (await place.ask("select username from users")).map(({ username }) => username);
    expect(there).toEqual(expect.arrayContaining(signups.names));
    expect(copied.stdout + copied.stderr).not.toContain(new URL(place.url).password);
  });

  it("leaves behind a service that is not ready, and says where the data went", async () => {
    await eventually(async () => (await fetch(`${server.url}/readyz`)).status).toBe(503);
    await eventually(() => server.output().stderr).toContain('"event":"database_sealed"');
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  it("goes on there with every session, token, key, role and credential", async () => {
    server = await startServerProcess(onPostgres);
    await expectTheSame(before, keys);
  });

  it("moves back into a folder, and goes on there, too", async () => {
    before = await liveHere("back");
    keys = await keySet();
    await server.end("SIGTERM");
    const again = join(parent, "again");
    const { SALLYPORT_MASTER_KEY } = onPostgres;
    const copied = await runCommand(["db", "copy", "--json", "--from", "postgres", "--to", again], onPostgres);
    expect(copied, copied.stderr).toMatchObject({ code: 0 });
    const tables = copied.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(tables).toHaveLength(12);
    expect(tables[0]).toEqual({
      table: "users",
      rows: expect.any(Number),
      sha256: expect.stringMatching(/^[\da-f]{64}$/),
    });
    expect(existsSync(join(again, "master.key"))).toBe(false);
    server = await startServerProcess({
      ...COMMON,
      SALLYPORT_DATA_DIR: again,
      SALLYPORT_MASTER_KEY: `${SALLYPORT_MASTER_KEY}`,
    });
    await expectTheSame(before, keys);
  });

  it.each([
    "serve",
    "migrate",
    "users list",
    "users create eve",
    "services list",
    "keys list",
    "keys rotate",
    "restored",
  ])("leaves behind databases that refuse %s", async (command) => {
    const run = command === "serve" ? runCommand : runHere;
    const refused = [
      await run(command.split(" "), onSqlite, passwordOf("eve")),
      await run(command.split(" "), onPostgres, passwordOf("eve")),
    ];
    for (const { code, stderr } of refused) {
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^sallyport: this database was copied to .* at 2.*Z, and is sealed so that the two cannot both serve; serve from there, or, if that copy is given up, run: sallyport db unseal (postgres|\/.*\/data)$/m,
      );
    }
  });

  it("leaves behind databases of which the doctor knows what they are", async () => {
    for (const settings of [onSqlite, onPostgres]) {
      const { code, stdout } = await runHere(["doctor"], settings);
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^WRONG {2}seal: this database was copied to .* sealed .*\n {7}to mend it: serve from there/m,
      );
    }
  });
});
