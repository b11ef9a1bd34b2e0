/**
 * `sallyport/verifier`: checks access tokens in this process, with what Sallyport's revocation
 * feed tells it. The decision is made by the same code as `AuthService.Authorize`.
 */

import { createElapsed } from "../lib/elapsed.ts";
import type { Verifier } from "./api.ts";
import { buildVerifier } from "./build-verifier.ts";
import { settleOptions, type VerifierOptions } from "./options.ts";
import { PACE } from "./pace.ts";

export type { Decision, DenialReason, Denied, Granted, NextStep, Principal } from "../check/decision.ts";
export {
  type AccessRule,
  type AuthorizeOptions,
  type Verifier,
  type VerifierEvent,
  type VerifierState,
  VerifierUnavailable,
} from "./api.ts";
export type { BundleOptions, VerifierOptions } from "./options.ts";

/**
 * A verifier, which begins to follow the feed at once. `ready` tells when it may be asked;
 * `close` ends it.
 * @throws TypeError for options that cannot be, naming each.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { verifier } = buildVerifier(settleOptions(options), {
    tick: createElapsed(
      () => performance.now(),
      () => Date.now(),
    ),
    wall: () => Date.now(),
    random: () => Math.random(),
    pace: PACE,
  });
  return verifier;
}
