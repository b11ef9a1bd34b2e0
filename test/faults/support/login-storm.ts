/** More logins than anybody could check, at a steady rate, and what becomes of each. */
import { setTimeout as pause } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { takeApart } from "../../support/refusals.ts";

/** What became of the logins. Times are milliseconds. */
export type StormReport = {
  /** How long each login took that was let in. */
  readonly letInMs: readonly number[];
  /** Those of them that were let in before the storm was over. */
  readonly letInMeanwhile: number;
  /** How long each took that was refused for being one of too many, with a time after which to come again. */
  readonly busyMs: readonly number[];
  /** Whatever else was answered, in words. */
  readonly others: readonly string[];
};

/** Clients that share a connection. */
export function stormClients(url: string): Clients["auth"] {
  return clientsOf(url, "", (options) => createConnectTransport({ ...options, httpVersion: "2" })).auth;
}

type Login = () => Promise<unknown>;

/** Logs in so often a second, whatever the answers take, for so long; resolves when all are answered. */
export async function stormOfLogins(login: Login, perSecond: number, forMs: number): Promise<StormReport> {
  const letInMs: number[] = [];
  const busyMs: number[] = [];
  const others: string[] = [];
  let letInMeanwhile = 0;
  let isOver = false;

  async function one(): Promise<void> {
    const askedAt = performance.now();
    try {
      await login();
      letInMs.push(performance.now() - askedAt);
      if (!isOver) letInMeanwhile += 1;
    } catch (error) {
      const { code, reason, retryDelayMs } = takeApart(ConnectError.from(error));
      const isBusy = code === "ResourceExhausted" && reason === "BUSY" && Number(retryDelayMs) > 0;
      if (isBusy) busyMs.push(performance.now() - askedAt);
      else others.push(`${code}: ${reason}, retry after ${retryDelayMs} ms`);
    }
  }

  const calls: Promise<void>[] = [];
  const begunAt = performance.now();
  for (let passed = 0; passed < forMs; passed = performance.now() - begunAt) {
    while (calls.length < (passed / 1000) * perSecond) calls.push(one());
    await pause(1);
  }
  isOver = true;
  await Promise.all(calls);
  return { letInMs, letInMeanwhile, busyMs, others };
}

/** How many logins a second are let in if nobody asks again before the answer, so many at once. */
export async function capacityOf(login: Login, atOnce: number, forMs: number): Promise<number> {
  const end = performance.now() + forMs;
  let done = 0;
  const askAgain = async () => {
    for (; performance.now() < end; done += 1) await login();
  };
  await Promise.all(Array.from({ length: atOnce }, askAgain));
  return (done * 1000) / forMs;
}
