/** Verifiers of a service that delegates to an instance, on the instance's own clock. */
import { onTestFinished } from "vitest";
import type { AccessRule, Verifier, VerifierEvent } from "../../src/verifier/api.ts";
import { buildVerifier, type Surroundings } from "../../src/verifier/build-verifier.ts";
import { settleOptions, type VerifierOptions } from "../../src/verifier/options.ts";
import { PACE, type Pace } from "../../src/verifier/pace.ts";
import type { TestApp } from "./app.ts";
import { createListener, type stateOf } from "./told-feed.ts";

/** A verifier, and what has happened to it. */
export type Delegate = Verifier & {
  readonly events: readonly VerifierEvent[];
  readonly kinds: () => readonly string[];
  /** All that it knows, in a form that can be compared. */
  readonly known: () => Promise<ReturnType<typeof stateOf>>;
};

/** What else a test may state. */
type Around = Partial<Omit<Surroundings, "pace">> & { readonly pace?: Partial<Pace> };

/** Makes a verifier for the audience `orders`, unless the options say otherwise. Close it when the test is done. */
export function startDelegate(
  app: Pick<TestApp, "url" | "clock">,
  apiKey: string,
  options: Partial<VerifierOptions> = {},
  { pace = {}, ...around }: Around = {},
): Delegate {
  const events: VerifierEvent[] = [];
  const settled = settleOptions({
    baseUrl: app.url,
    apiKey,
    audience: "orders",
    onEvent: (event) => void events.push(event),
    ...options,
  });
  const { now } = app.clock;
  // The first step of every wait is the shortest.
  const usual = { tick: now, wall: now, random: () => 0 };
  const { verifier, knowledge } = buildVerifier(settled, { ...usual, ...around, pace: { ...PACE, ...pace } });
  async function known() {
    const { call, state } = createListener();
    const read = call();
    for await (const message of knowledge.messages()) read(message);
    return state();
  }
  return { ...verifier, events, kinds: () => events.map(({ kind }) => kind), known };
}

/** The same, closed when the test is over. */
export function delegate(...args: Parameters<typeof startDelegate>): Delegate {
  const verifier = startDelegate(...args);
  onTestFinished(() => verifier.close());
  return verifier;
}

/** `GRANTED`, or the reason of a denial. */
export function verdictOf(verifier: Pick<Verifier, "check">, token: string, rule: AccessRule = {}): string {
  const decision = verifier.check(token, rule);
  return decision.granted ? "GRANTED" : decision.reason;
}
