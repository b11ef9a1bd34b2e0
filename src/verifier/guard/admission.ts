/**
 * May this call pass? What the guards for Connect and for grpc-js have in common: the
 * method's rule, the token of the call, the verifier's answer, and what becomes of it.
 * Starts from "deny": a method that it does not know is refused. Knows no transport.
 */
import type { DescService } from "@bufbuild/protobuf";
import { bearerToken } from "../../access/bearer.ts";
import { refusalOf } from "../../access/refusal-of.ts";
import { type Decision, type Denied, denied, type Principal } from "../../check/decision.ts";
import type { Rule } from "../../check/rule.ts";
import { Refusal } from "../../errors.ts";
import { type AuthorizeOptions, type Verifier, VerifierUnavailable } from "../api.ts";
import { tell, type WouldRefuse } from "./report.ts";
import { createRuleIndex } from "./rule-index.ts";

/** What a guard is made of. */
export type GuardOptions = {
  /** Decides; made by `createVerifier`. Whoever made it closes it. */
  readonly verifier: Pick<Verifier, "audience" | "check" | "authorize" | "follow">;
  /** The services that are served. Calls of any other are refused, but for health and reflection of gRPC. */
  readonly services: readonly DescService[];
  /** Whether a stream ends as soon as its caller may no more: logged out, expired, deprived. True unless stated. */
  readonly endStreams?: boolean;
  /** Every call passes, and `onReport` is told of those that would have been refused: for the time of a roll-out. */
  readonly reportOnly?: { readonly onReport: WouldRefuse };
};

/** A call of which nothing has been handed on yet. */
export type IncomingCall = {
  /** Such as `/shop.v1.Shop/Buy`. */
  readonly path: string;
  /** Every `authorization` header. */
  readonly authorization: readonly string[];
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
};

/** A call that may pass. */
export type Admitted = {
  /** `null` behind a public rule, and for a call that passes only because nothing is enforced. */
  readonly principal: Principal | null;
  /** Calls `onEnd`, once, when a stream must end; gives what stops it. `null` if nothing can end it. */
  readonly follow: ((onEnd: (refusal: Refusal) => void) => () => void) | null;
};

/** Lets a call pass. @throws Refusal if it may not; the signal's reason if it ends before that is known. */
export type Admit = (call: IncomingCall) => Promise<Admitted>;

/** Why not. `denied` is the verifier's answer; `null` if it was not asked, or had none. */
type Refused = { readonly refusal: Refusal; readonly denied: Denied | null };
type Verdict = { readonly admitted: Admitted; readonly refused: null } | { readonly refused: Refused };

/** How long clients are told to wait when nobody can tell who they are. */
const RETRY_AFTER_MS = 1000;
/** How long Sallyport may take over a call that passes in any case. */
const REPORT_TIMEOUT_MS = 1000;

const NOBODY: Admitted = { principal: null, follow: null };

/** An {@link Admit}. @throws AccessRuleError that names every method that cannot be guarded. */
export function createAdmission({ verifier, services, endStreams = true, reportOnly }: GuardOptions): Admit {
  const ruleOf = createRuleIndex(services);

  async function judge({ path, authorization, signal }: IncomingCall): Promise<Verdict> {
    const rule = ruleOf(path);
    if (rule === null)
      throw new Refusal("PERMISSION_MISSING", { message: "this RPC is closed: no access rule was given for it" });
    const token = bearerToken(authorization);
    if (rule.public) return { admitted: NOBODY, refused: null };
    const decision = token === "" ? denied("TOKEN_MISSING") : await decide(token, rule, signal);
    if (!decision.granted) return { refused: refusedBy(decision) };
    const { principal } = decision;
    return {
      admitted: { principal, follow: endStreams ? followerOf(path, token, rule, principal) : null },
      refused: null,
    };
  }

  function decide(token: string, rule: Rule, signal: AbortSignal): Decision | Promise<Decision> {
    if (rule.freshness === "REMOTE") return verifier.authorize(token, rule, limits(signal));
    try {
      return verifier.check(token, rule);
    } catch (error) {
      if (!(error instanceof VerifierUnavailable)) throw error;
      // What happens when memory does not do, the verifier was told when it was made.
      return verifier.authorize(token, rule, limits(signal));
    }
  }

  /** Calls that pass whatever comes out must not wait long for it. */
  function limits(signal: AbortSignal): AuthorizeOptions {
    return reportOnly === undefined ? { signal } : { signal, timeoutMs: REPORT_TIMEOUT_MS };
  }

  function refusedBy(decision: Denied): Refused {
    return { refusal: refusalOf(decision, verifier.audience), denied: decision };
  }

  function followerOf(path: string, token: string, rule: Rule, principal: Principal): Admitted["follow"] {
    return (onEnd) => {
      const end = (ending: Denied | VerifierUnavailable) => {
        const refused = ending instanceof VerifierUnavailable ? refusedFor(ending) : refusedBy(ending);
        if (reportOnly === undefined) onEnd(refused.refusal);
        else tell(reportOnly.onReport, path, refused.refusal, refused.denied);
      };
      return verifier.follow(token, rule, end, principal);
    };
  }

  return async function admit(call) {
    const verdict = await judge(call).catch((error: unknown): Verdict => ({ refused: refusedFor(error) }));
    if (call.signal.aborted) throw call.signal.reason;
    if (verdict.refused === null) return verdict.admitted;
    const { refusal, denied: decision } = verdict.refused;
    if (reportOnly === undefined) throw refusal;
    tell(reportOnly.onReport, call.path, refusal, decision);
    return NOBODY;
  };
}

/** Why a call is refused that was not judged: whatever went wrong, it does not pass. */
function refusedFor(error: unknown): Refused {
  if (error instanceof Refusal) return { refusal: error, denied: null };
  if (!(error instanceof VerifierUnavailable))
    return { refusal: new Refusal("INTERNAL", { cause: error }), denied: null };
  // Only who asks for a revision can be told that it is unknown.
  const reason = error.reason === "REVISION_UNKNOWN" ? "UNAVAILABLE" : error.reason;
  return { refusal: new Refusal(reason, { retryAfterMs: RETRY_AFTER_MS, cause: error }), denied: null };
}
