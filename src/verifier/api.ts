/** What a verifier promises to those who ask it. */
import type { Decision, Denied, Principal } from "../check/decision.ts";
import type { Revision } from "../check/revision.ts";
import type { Rule } from "../check/rule.ts";

/** What must hold of the bearer. What is not stated is not asked for; an empty rule asks for a signed-in user. */
export type AccessRule = Partial<Omit<Rule, "public">>;

/** What may be asked beside the rule. */
export type AuthorizeOptions = {
  /** Answer with knowledge of at least this revision; wait for it. */
  readonly minRevision?: Revision;
  /** How long to wait in all, in milliseconds; 10,000 unless stated. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** How well a verifier knows what it knows. */
export type VerifierState = {
  /** Whether `check` may rely on it now. */
  readonly isFresh: boolean;
  /** Milliseconds since it was last confirmed that nothing newer exists; infinite before the first time. */
  readonly stalenessMs: number;
  /** Where it stands in the log; `null` before the first snapshot. */
  readonly revision: Revision | null;
  readonly isConnected: boolean;
};

/** What happens to a verifier. Errors carry no secrets. */
export type VerifierEvent =
  /** The feed is being followed. */
  | { readonly kind: "connected" }
  /** The feed broke off, or could not be reached; it is tried again after `retryInMs`. */
  | { readonly kind: "disconnected"; readonly error: Error; readonly retryInMs: number }
  /** The API key is wrong, revoked, or has not got the permission `feed:watch`. Told once; tried again, slowly. */
  | { readonly kind: "refused"; readonly error: Error }
  /** A whole snapshot took the place of what was known, and why. */
  | { readonly kind: "resynced"; readonly reason: string }
  /** Knowledge has become older than the bound. */
  | { readonly kind: "stale"; readonly stalenessMs: number }
  /** Knowledge is within the bound again, or for the first time. */
  | { readonly kind: "fresh" }
  /** A bundle was not taken over, or could not be written. */
  | { readonly kind: "bundle_failed"; readonly error: Error };

/** Checks access tokens, and knows at once what became of them. */
export type Verifier = {
  /** For whom it takes tokens. */
  readonly audience: string;
  /**
   * Whether the bearer may, by what is in memory. No I/O, no promise.
   * @throws VerifierUnavailable if knowledge is older than the bound, unless the verifier
   * was told to allow that.
   */
  readonly check: (token: string, rule?: AccessRule) => Decision;
  /**
   * The same, and where memory does not do: asks `AuthService.Authorize` for a rule whose
   * freshness is REMOTE, and on stale knowledge if the verifier was told to; waits for `minRevision`.
   * @throws VerifierUnavailable if there is no answer.
   */
  readonly authorize: (token: string, rule?: AccessRule, options?: AuthorizeOptions) => Promise<Decision>;
  /**
   * Calls `onEnd`, once, as soon as the bearer may no more: the session ended, the privileges
   * changed, the token expired, or the verifier was closed and can tell no more. For streams that outlive a check;
   * `principal` is whom that check granted, where Sallyport itself did. While the feed is cut, only time
   * ends it. Gives what stops it.
   */
  readonly follow: (
    token: string,
    rule: AccessRule,
    onEnd: (ending: Denied | VerifierUnavailable) => void,
    principal?: Principal,
  ) => () => void;
  /** Resolves once knowledge is fresh. @throws VerifierUnavailable when it is closed, or the signal aborts. */
  readonly ready: (options?: { readonly signal?: AbortSignal }) => Promise<void>;
  readonly state: () => VerifierState;
  /** Ends everything that runs. Checks are refused from then on. */
  readonly close: () => Promise<void>;
};

/** There is no decision: not because of the bearer, but because nobody can tell right now. */
export class VerifierUnavailable extends Error {
  override readonly name = "VerifierUnavailable";
  /** The proto enum `ErrorReason`, without its prefix. */
  readonly reason: "TOO_STALE" | "REVISION_NOT_REACHED" | "REVISION_UNKNOWN" | "UNAVAILABLE";

  constructor(reason: VerifierUnavailable["reason"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}
