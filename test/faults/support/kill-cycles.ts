/** A service that is killed under load, again and again, and held to what it acknowledged after each start. */
import { setTimeout as pause } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import { clientsOf } from "../../support/clients.ts";
import { concurrently } from "../../support/concurrently.ts";
import { takeApart } from "../../support/refusals.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import type { Chance } from "./chance.ts";
import { contradictions, revived } from "./hold-to-account.ts";
import { act, type Callers, newPerson, nextIntent, type Person } from "./ledger.ts";
import { type Fate, settle } from "./settle.ts";

const CLIENTS = 6;
/** People of one client at a time; after a few cycles others take their place. */
const PEOPLE = 2;
const CYCLES_OF_A_LIFE = 5;
/** Former people, and tokens of sessions that are over, that are looked at again in each cycle. */
const FORMER_AT_A_TIME = 6;
const DEAD_AT_A_TIME = 100;
const READY_LOOK_MS = 5;
/** Fewer acknowledged operations than this for each kill are no load: a life goes on until there were more, if any come. */
export const LEAST_OPERATIONS = 2;
const LOOK_MS = 20;
const MOST_LOOKS = 500;

/** What is to be killed, and how often. */
type Orders = {
  readonly settings: Readonly<Record<string, string>>;
  /** The API key of a service that may do everything. */
  readonly apiKey: string;
  readonly cycles: number;
  readonly chance: Chance;
  /** Looks at the database itself after each start; nothing if it is whole. */
  readonly inspect: () => Promise<readonly string[]>;
};

/** What happened in the meantime. */
export type KillReport = {
  /** How long each start took until the instance said that it is ready, in milliseconds. */
  readonly readyMs: readonly number[];
  readonly acknowledged: number;
  /** How many operations in doubt had happened, and how many had not. */
  readonly fates: Readonly<Record<Fate, number>>;
};

async function startAndWait(settings: Orders["settings"]): Promise<{ server: ServerProcess; tookMs: number }> {
  const begunAt = performance.now();
  const server = await startServerProcess(settings);
  while ((await fetch(`${server.url}/readyz`)).status !== 200) await pause(READY_LOOK_MS);
  return { server, tookMs: performance.now() - begunAt };
}

/** Kills so often, at random moments. Fails at the first contradiction between the service and the ledger. */
export async function killAgainAndAgain({ settings, apiKey, cycles, chance, inspect }: Orders): Promise<KillReport> {
  const readyMs: number[] = [];
  const fates = { happened: 0, "never happened": 0 };
  const former: Person[] = [];
  let acknowledged = 0;
  let born = 0;
  let people: Person[] = [];

  async function live(own: readonly Person[], callers: Callers, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const person = own[chance.between(0, own.length - 1)];
      if (person === undefined || person.pending !== null) throw new Error("nobody is left who is not in doubt");
      try {
        await act(person, nextIntent(person, chance), callers);
        acknowledged += 1;
      } catch (error) {
        // An answer of the service is none of the faults that a kill may cause.
        const { reason, message } = takeApart(ConnectError.from(error));
        if (reason !== null || !isOver()) throw new Error(`${person.name}: ${reason} ${message}`, { cause: error });
      }
    }
  }

  /** The moment of a kill. */
  async function moment(cycle: number, isOver: () => boolean): Promise<void> {
    await pause(chance.between(20, 250));
    const isLoad = () => acknowledged > LEAST_OPERATIONS * (cycle + 1);
    for (let looks = 0; looks < MOST_LOOKS && !isLoad() && !isOver(); looks += 1) await pause(LOOK_MS);
  }

  function replacePeople(): void {
    former.push(...people);
    people = Array.from({ length: CLIENTS * PEOPLE }, () => newPerson(`person-${born++}`));
  }

  async function check(callers: Callers): Promise<void> {
    for (const fate of await concurrently(CLIENTS, people, (person) => settle(person, callers)))
      if (fate !== null) fates[fate] += 1;
    const some = Array.from({ length: Math.min(FORMER_AT_A_TIME, former.length) }, () =>
      chance.between(0, former.length - 1),
    );
    const asked = [...people, ...[...new Set(some)].flatMap((index) => former[index] ?? [])];
    const there = asked.filter(({ userId }) => userId !== "");
    const faults = await concurrently(CLIENTS, there, (person) => contradictions(person, callers));
    const dead = [...former, ...people].flatMap(({ tickets }) => tickets.filter(({ isOver }) => isOver));
    const tokens = dead.map(({ accessToken }) => accessToken).slice(-DEAD_AT_A_TIME);
    expect([...faults.flat(), ...(await revived(tokens, callers)), ...(await inspect())]).toEqual([]);
  }

  let { server } = await startAndWait(settings);
  let isOver = false;
  try {
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      if (cycle % CYCLES_OF_A_LIFE === 0) replacePeople();
      isOver = false;
      const { auth } = clientsOf(server.url);
      const { admin } = clientsOf(server.url, apiKey);
      const lives = Array.from({ length: CLIENTS }, (_, client) =>
        live(people.slice(client * PEOPLE, (client + 1) * PEOPLE), { auth, admin }, () => isOver),
      );
      await Promise.race([Promise.all(lives), moment(cycle, () => isOver)]);
      isOver = true;
      await server.end("SIGKILL");
      await Promise.all(lives);
      const next = await startAndWait(settings);
      server = next.server;
      readyMs.push(next.tookMs);
      await check({ auth: clientsOf(server.url).auth, admin: clientsOf(server.url, apiKey).admin });
    }
  } finally {
    isOver = true;
    await server.end("SIGKILL");
  }
  return { readyMs, acknowledged, fates };
}
