/** Services that delegate, in processes of their own. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { end, type Installation, startPart } from "../world/processes.ts";
import type { Order, Refusals } from "./orders.ts";

/** A process with verifiers that are ready. */
export type Host = {
  readonly pid: number;
  /** How long they took to be ready, in milliseconds. */
  readonly readyMs: number;
  readonly obey: (order: Order) => Promise<number>;
  readonly refusals: () => Promise<Refusals>;
  readonly stop: () => Promise<void>;
};

/** Within this time, a server knows of a credential that was made beside it, in milliseconds. */
const KNOWN_MS = 600;
let made = 0;

/** Makes a credential for verifiers as an operator does, which a running server then knows; its API key. */
export async function makeCredential({ entry, settings }: Installation): Promise<string> {
  made += 1;
  const command = [entry, "services", "create", `bench-${process.pid}-${made}`, "--permission", "feed:watch"];
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SALLYPORT_"));
  const env = { ...Object.fromEntries(inherited), ...settings };
  const apiKey = execFileSync(process.execPath, command, { env, encoding: "utf8" }).trim();
  await pause(KNOWN_MS);
  return apiKey;
}

/** Starts a process with so many verifiers, and waits until they are ready. */
export async function startHost(workshop: string, port: number, apiKey: string, count: number): Promise<Host> {
  made += 1;
  const file = join(workshop, `verifiers-${made}.json`);
  const staffing = { baseUrl: `http://127.0.0.1:${port}`, apiKey, audience: "sallyport", count };
  writeFileSync(file, JSON.stringify(staffing), { mode: 0o600 });
  const child = startPart("verifiers/part.ts", [file]);
  const ended = once(child, "exit").then(() => {
    throw new Error("a process with verifiers ended before it was done");
  });
  ended.catch(() => {});
  const [readyMs] = await Promise.race([once(child, "message"), ended]);
  rmSync(file);

  async function ask(order: Order) {
    const answer = once(child, "message");
    child.send(order);
    const [value] = await Promise.race([answer, ended]);
    return value;
  }
  return {
    pid: child.pid ?? 0,
    readyMs,
    obey: ask,
    refusals: () => ask({ kind: "refusals" }),
    stop: () => end(child),
  };
}
