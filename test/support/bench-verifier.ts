/**
 * A verifier over a check bench: the real checker decides, and what a network would bring, the test
 * brings. `createVerifier` keeps the same promises over the real feed.
 */
import type { Decision, Denied } from "../../src/check/decision.ts";
import { AUTHENTICATED } from "../../src/check/rule.ts";
import { type AccessRule, type Verifier, VerifierUnavailable } from "../../src/verifier/api.ts";
import { type createCheckBench, STALENESS_BOUND_MS } from "./check-bench.ts";

type Bench = ReturnType<typeof createCheckBench>;

/** What guards use of a verifier. */
export type BenchVerifier = Pick<Verifier, "audience" | "check" | "authorize" | "follow"> & {
  /** What was asked of Sallyport itself: tokens, in their order. */
  readonly asked: readonly string[];
  /** How Sallyport answers from now on; unless told, by what the bench knows. */
  readonly answerRemotely: (answer: (token: string, signal: AbortSignal | undefined) => Promise<Decision>) => void;
  /** Looks again at whoever is followed, as after each batch of the feed. */
  readonly news: () => void;
  /** How many are followed. */
  readonly following: () => number;
};

/** A verifier for tokens of `audience`. On stale knowledge it denies, or asks remotely if it is told to. */
export function createBenchVerifier(
  bench: Bench,
  { audience = "orders", whenStale = "deny" }: { audience?: string; whenStale?: "deny" | "remote" } = {},
): BenchVerifier {
  const asked: string[] = [];
  const followers = new Set<() => void>();
  const decide = (token: string, rule: AccessRule = {}) =>
    bench.checker.check({ token, audience, rule: { ...AUTHENTICATED, ...rule, public: false } });
  let remotely: Parameters<BenchVerifier["answerRemotely"]>[0] | null = null;

  function check(token: string, rule?: AccessRule): Decision {
    if (bench.clock.now() - bench.asOf() > STALENESS_BOUND_MS) throw new VerifierUnavailable("TOO_STALE", "stale");
    return decide(token, rule);
  }

  async function authorize(token: string, rule: AccessRule = {}, { signal }: { signal?: AbortSignal } = {}) {
    if (rule.freshness !== "REMOTE" && whenStale === "deny") return check(token, rule);
    asked.push(token);
    return remotely === null ? decide(token, rule) : remotely(token, signal);
  }

  function follow(token: string, rule: AccessRule, onDenied: (denied: Denied) => void): () => void {
    function look(): void {
      const decision = decide(token, rule);
      if (decision.granted) return;
      followers.delete(look);
      onDenied(decision);
    }
    followers.add(look);
    look();
    return () => void followers.delete(look);
  }

  return {
    audience,
    check,
    authorize,
    follow,
    asked,
    answerRemotely(answer) {
      remotely = answer;
    },
    news: () => [...followers].forEach((look) => void look()),
    following: () => followers.size,
  };
}
