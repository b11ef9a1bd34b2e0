/** A dozen deaths under load, one after the other on the same database. */
import { rmSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { passwordOf } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

const CYCLES = 12;
const CLIENTS = 6;

/** What the server acknowledged of one person's doings. */
type Entry = { username: string; refreshToken: string; accessToken: string; state: "new" | "in" | "leaving" | "out" };

/** All that a server acknowledged, as it came. */
type Diary = { readonly entries: Entry[]; readonly onAnswer: () => void };

/** Signs people up, in, refreshes and, of every other one, out again, until the server is gone. */
async function live(url: string, cycle: number, client: number, { entries, onAnswer }: Diary): Promise<void> {
  const { auth } = clientsOf(url);
  for (let turn = 0; ; turn += 1) {
    const username = `c${cycle}-p${client}-${turn}`;
    const password = passwordOf(username);
    await auth.signup({ username, password });
    const entry: Entry = { username, refreshToken: "", accessToken: "", state: "new" };
    const note = (change: Partial<Entry>) => {
      Object.assign(entry, change);
      onAnswer();
    };
    entries.push(entry);
    note({});
    const { refreshToken, accessToken } = await auth.login({ identifier: username, password });
    note({ refreshToken, accessToken, state: "in" });
    const fresh = await auth.refresh({ refreshToken });
    note({ refreshToken: fresh.refreshToken, accessToken: fresh.accessToken });
    if ((turn + client) % 2 === 1) continue;
    entry.state = "leaving";
    await auth.logout({ refreshToken: fresh.refreshToken });
    note({ state: "out" });
  }
}

/** Lets many live at once until there have been so many answers, and kills the server with the last of them. */
async function liveAndDie(server: ServerProcess, cycle: number, answers: number): Promise<readonly Entry[]> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  let left = answers;
  const entries: Entry[] = [];
  const onAnswer = () => {
    left -= 1;
    if (left === 0) resolve();
  };
  const lives = Array.from({ length: CLIENTS }, (_, client) => live(server.url, cycle, client, { entries, onAnswer }));
  const deaths = Promise.allSettled(lives);
  await enough;
  await server.end("SIGKILL");
  await deaths;
  return entries;
}

/** What a server that has just started says about an entry: nothing if all is as it was acknowledged. */
async function contradictions(url: string, entry: Entry): Promise<readonly string[]> {
  const { auth } = clientsOf(url);
  const { username, refreshToken, accessToken, state } = entry;
  if (state === "new") {
    const { user } = await auth.login({ identifier: username, password: passwordOf(username) });
    return user?.username === username ? [] : [`${username} is somebody else`];
  }
  // Whether a logout that was never answered happened, nobody can say.
  if (state === "leaving") return [];
  const verdict = verdictOf(await auth.authorize({ accessToken }));
  if (state === "in") {
    await auth.refresh({ refreshToken });
    return verdict === "GRANTED" ? [] : [`${username} was signed out: ${verdict}`];
  }
  const { reason } = await refusalOf(auth.refresh({ refreshToken }));
  return verdict === "SESSION_REVOKED, LOG_IN" && reason === "SESSION_ENDED" ? [] : [`${username} came back to life`];
}

it("What was acknowledged before any of a dozen SIGKILLs under load holds after it, and the keys stay the same", async () => {
  const folder = temporaryFolder();
  const start = async () => {
    const started = await startServerProcess({ SALLYPORT_DATA_DIR: folder, SALLYPORT_HASH_PERMITS: "8" });
    onTestFinished(() => void started.process.kill("SIGKILL"));
    return started;
  };
  let server: ServerProcess = await start();
  const jwks = async () => (await fetch(`${server.url}/.well-known/jwks.json`)).text();
  const keys = await jwks();
  const acknowledged = { new: 0, in: 0, leaving: 0, out: 0 };
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    // Each cycle dies in the middle of something else.
    const entries = await liveAndDie(server, cycle, 24 + cycle);
    server = await start();
    expect(await jwks()).toBe(keys);
    expect((await Promise.all(entries.map((entry) => contradictions(server.url, entry)))).flat()).toEqual([]);
    for (const { state } of entries) acknowledged[state] += 1;
  }
  expect(acknowledged.in, "sessions that were to live on").toBeGreaterThan(CYCLES);
  expect(acknowledged.out, "sessions that were to stay ended").toBeGreaterThan(CYCLES);
  await server.end("SIGKILL");
  const database = new Database(`${folder}/sallyport.db`, { readonly: true });
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  const log = database.prepare("select revision, (select count(*) from revocations) as entries from revocation_log");
  expect(log.get()).toSatisfy(({ revision, entries }) => revision === entries);
  database.close();
  rmSync(folder, { recursive: true });
}, 120_000);
