import type { VerifierEvent } from "./api.ts";
import type { Settled } from "./options.ts";

/** Tells what needs attention as a warning of the process, where nobody listens to events. */
export function warnOf(onStale: Settled["onStale"]): (event: VerifierEvent) => void {
  return function warn(event) {
    const text = textOf(event, onStale);
    if (text !== null) process.emitWarning(text, { type: "SallyportWarning" });
  };
}

function textOf(event: VerifierEvent, onStale: Settled["onStale"]): string | null {
  switch (event.kind) {
    case "refused":
      return `Sallyport refuses the verifier's API key: ${event.error.message}`;
    case "bundle_failed":
      return `the verifier's bundle: ${event.error.message}`;
    case "stale":
      return onStale === "allow"
        ? "the verifier's knowledge is too old, and decisions rest on it all the same: what is revoked now is not noticed"
        : null;
    default:
      return null;
  }
}
