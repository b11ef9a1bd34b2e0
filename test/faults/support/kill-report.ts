/** What the tests of kills have in common. */
import { expect } from "vitest";
import type { Core } from "../../../src/core.ts";
import { type KillReport, LEAST_OPERATIONS } from "./kill-cycles.ts";
import { scaled } from "./scale.ts";

/** Nothing expires or is forgiven by time while a test runs, and nobody waits for a hash. */
export const KILL_SETTINGS = {
  SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "3600",
  SALLYPORT_REFRESH_GRACE_SECONDS: "600",
  SALLYPORT_HASH_PERMITS: "8",
} as const;

/** A start is to be over within this, in milliseconds. */
const READY_WITHIN_MS = 2_000;

/** Makes a role that people are given, and the service that gives it; its API key. */
export async function prepareToKill({ roleDefinitions, services }: Core): Promise<string> {
  await roleDefinitions.set("clerk", ["orders:read"], null);
  return (await services.create("driver", ["*"], null)).apiKey;
}

/**
 * Prints how long starts took, and what became of operations in doubt; at full length, holds starts to their bound, but
 * for one in twenty: other programs want the machine, too.
 */
export function reportStarts(engine: string, { acknowledged, fates, readyMs }: KillReport): void {
  const sorted = readyMs.map(Math.round).sort((one, other) => one - other);
  const [median, mostly] = [0.5, 0.95].map((part) => sorted[Math.floor(part * (sorted.length - 1))]);
  process.stdout.write(
    `${engine}: ${sorted.length} kills, ${acknowledged} operations acknowledged; in doubt: ${fates.happened} happened, ` +
      `${fates["never happened"]} never did; ready after ${median} ms (median), ${mostly} ms (95th percentile), ` +
      `${sorted.at(-1)} ms (worst)\n`,
  );
  expect(acknowledged).toBeGreaterThan(LEAST_OPERATIONS * sorted.length);
  if (scaled({ full: true, short: false }))
    expect(mostly, "milliseconds from the start of the process until it was ready").toBeLessThan(READY_WITHIN_MS);
}
