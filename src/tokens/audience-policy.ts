import { Refusal } from "../errors.ts";

/** The audience of Sallyport's own RPCs: a backend that is sent a token for itself cannot act as the user here. */
export const OWN_AUDIENCE = "sallyport";

/** Which audiences tokens may be issued for. */
export type AudiencePolicy = {
  /** What "none stated" means. */
  readonly standard: string;
  /** The audiences of a new session. @throws Refusal AUDIENCE_UNKNOWN. */
  readonly forLogin: (asked: readonly string[]) => readonly string[];
  /** The audiences of a session's next access token. @throws Refusal AUDIENCE_UNKNOWN. */
  readonly forRefresh: (asked: readonly string[], ofSession: readonly string[]) => readonly string[];
};

/** The policy of an allow-list, whose first entry is the standard audience. */
export function createAudiencePolicy(allowed: readonly string[]): AudiencePolicy {
  const [standard] = allowed;
  if (standard === undefined) throw new Error("the allow-list of audiences is empty");
  return {
    standard,
    forLogin(asked) {
      const unknown = asked.filter((audience) => !allowed.includes(audience));
      if (unknown.length > 0) throw refusal("is not allowed here");
      return asked.length === 0 ? [standard] : asked;
    },
    forRefresh(asked, ofSession) {
      const stillAllowed = ofSession.filter((audience) => allowed.includes(audience));
      if (asked.some((audience) => !stillAllowed.includes(audience))) throw refusal("is not one of the session's");
      if (stillAllowed.length === 0) throw refusal("none of the session's is allowed any more; log in again");
      return asked.length === 0 ? stillAllowed : asked;
    },
  };
}

function refusal(description: string): Refusal {
  return new Refusal("AUDIENCE_UNKNOWN", { fields: [{ field: "audiences", description }] });
}
