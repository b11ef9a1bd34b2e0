import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";

type Storm = {
  readonly port: number;
  /** How many connections there are at any time. */
  readonly connections: number;
  /** What is sent on each, one script after the other. */
  readonly scripts: readonly Uint8Array[];
  readonly forMs: number;
};

/**
 * Connects, sends a script, and does so anew as soon as the server has closed the connection; in a thread of its own, so
 * that the well-behaved clients of this one have no part in it. How often the server closed.
 */
export async function storm({ forMs, ...orders }: Storm): Promise<number> {
  const thread = new Worker(new URL("./storm-thread.ts", import.meta.url), { workerData: orders });
  try {
    await once(thread, "online");
    await pause(forMs);
    const told = once(thread, "message");
    thread.postMessage("enough");
    const [cutOff] = await told;
    return Number(cutOff);
  } finally {
    await thread.terminate();
  }
}
