/** Ports for servers that have to know theirs before they listen, or that listen on it again. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Systems hand out ports by chance from a range that begins above these (RFC 6335 section 6; Linux: 32768), to each of the
 * hundreds of servers and connections that other tests make meanwhile. These nobody gets without asking.
 */
const [FIRST, BEYOND] = [20_000, 32_000];
const MOST_TRIES = 100;

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = randomInt(FIRST, BEYOND);
    if (await isFree(port)) return port;
  }
  throw new Error(`of ${MOST_TRIES} ports none is free`);
}

/** So many of them. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch {
    return false;
  }
  await once(probe.close(), "close");
  return true;
}
