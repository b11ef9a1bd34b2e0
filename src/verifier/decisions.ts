/** Decides by what is in memory, and asks Sallyport where that does not do. */
import type { Decision } from "../check/decision.ts";
import type { Revision } from "../check/revision.ts";
import { AUTHENTICATED, type Rule } from "../check/rule.ts";
import { type AccessRule, type Verifier, VerifierUnavailable } from "./api.ts";
import { completeRule } from "./complete-rule.ts";
import type { HeldKnowledge } from "./held-knowledge.ts";
import type { Settled } from "./options.ts";
import { type AskRemote, REMOTE_TIMEOUT_MS } from "./remote.ts";
import type { Waiters } from "./waiters.ts";

/** The part of a verifier that answers. */
export type Decisions = Pick<Verifier, "check" | "authorize"> & {
  /** The rule with all that it leaves open. */
  readonly complete: (rule: AccessRule) => Rule;
  /** Answers nothing from now on. */
  readonly close: () => void;
};

type DecisionsDeps = {
  readonly checkNow: (token: string, rule: Rule) => Decision;
  readonly askRemote: AskRemote;
  readonly isFresh: () => boolean;
  readonly onStale: Settled["onStale"];
  readonly knowledge: Pick<HeldKnowledge, "revision">;
  readonly waiters: Pick<Waiters, "until">;
  readonly tick: () => number;
};

/** {@link Decisions}. */
export function createDecisions(deps: DecisionsDeps): Decisions {
  const { checkNow, askRemote, isFresh, onStale, knowledge, waiters, tick } = deps;
  const completed = new WeakMap<AccessRule, Rule>();
  let isClosed = false;

  /** Rules are few and asked for often: each is completed once. */
  function complete(rule: AccessRule): Rule {
    const known = completed.get(rule);
    if (known !== undefined) return known;
    const whole = completeRule(rule);
    completed.set(rule, whole);
    return whole;
  }

  function refuseClosed(): void {
    if (isClosed) throw new VerifierUnavailable("UNAVAILABLE", "the verifier was closed");
  }

  function check(token: string, rule: AccessRule = AUTHENTICATED): Decision {
    refuseClosed();
    const mayDecide = isFresh() || (onStale === "allow" && knowledge.revision() !== null);
    if (!mayDecide)
      throw new VerifierUnavailable("TOO_STALE", "it is not known whether the token is still good; retry");
    return checkNow(token, complete(rule));
  }

  function isReached({ logId, number }: Revision): boolean {
    const present = knowledge.revision();
    return present?.logId === logId && present.number >= number;
  }

  const authorize: Verifier["authorize"] = async (token, rule = AUTHENTICATED, options = {}) => {
    refuseClosed();
    const whole = complete(rule);
    const mustAsk = () => whole.freshness === "REMOTE" || (onStale === "remote" && !isFresh());
    if (mustAsk()) return askRemote(token, whole, options);
    const { minRevision, timeoutMs = REMOTE_TIMEOUT_MS, signal } = options;
    const begunAt = tick();
    if (minRevision !== undefined) {
      const limits = { timeoutMs, ...(signal && { signal }) };
      await waiters.until(() => isReached(minRevision), "REVISION_NOT_REACHED", limits);
    }
    if (!mustAsk()) return check(token, whole);
    return askRemote(token, whole, { ...options, timeoutMs: Math.max(1, timeoutMs - (tick() - begunAt)) });
  };

  return {
    check,
    authorize,
    complete,
    close() {
      isClosed = true;
    },
  };
}
