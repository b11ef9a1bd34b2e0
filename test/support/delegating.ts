/** Verifiers of a service that delegates to an instance, on the instance's own clock. */
import { onTestFinished } from "vitest";
import type { Verifier, VerifierEvent } from "../../src/verifier/api.ts";
import { buildVerifier } from "../../src/verifier/build-verifier.ts";
import { settleOptions, type VerifierOptions } from "../../src/verifier/options.ts";
import type { TestApp } from "./app.ts";

/** A verifier, and what has happened to it. */
export type Delegate = Verifier & {
  readonly events: readonly VerifierEvent[];
  readonly kinds: () => readonly string[];
};

/** Makes a verifier for the audience `orders`, unless the options say otherwise; it is closed when the test is over. */
export function delegate(
  app: Pick<TestApp, "url" | "clock">,
  apiKey: string,
  options: Partial<VerifierOptions> = {},
): Delegate {
  const events: VerifierEvent[] = [];
  const settled = settleOptions({
    baseUrl: app.url,
    apiKey,
    audience: "orders",
    onEvent: (event) => void events.push(event),
    ...options,
  });
  // The first step of every wait is the shortest.
  const verifier = buildVerifier(settled, { tick: app.clock.now, wall: app.clock.now, random: () => 0 });
  onTestFinished(() => verifier.close());
  return { ...verifier, events, kinds: () => events.map(({ kind }) => kind) };
}
