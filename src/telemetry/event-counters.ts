import type { Registry } from "prom-client";
import type { AuditKind } from "../audit/audit.ts";
import type { Checker } from "../check/checker.ts";
import { DENIAL_REASONS, type Decision } from "../check/decision.ts";
import { createTallies, type Tally } from "./tally.ts";

/** Counts what happened. */
export type EventCounters = {
  /** An answer of `Authorize`, to one item of a batch, or to a proxy. */
  readonly noteDecision: (decision: Decision) => void;
  /** An event that is on record. */
  readonly noteEvent: (kind: AuditKind) => void;
};

/** Cases of a refresh by the name under which they are on record. */
const REFRESH_CASES = {
  refresh_rotated: "rotate",
  refresh_repeated: "repeat",
  refresh_superseded: "superseded",
  refresh_reused: "reuse",
  refresh_from_future: "from_future",
} as const satisfies Partial<Record<AuditKind, string>>;

/** {@link EventCounters} that keep their counts in `registry`. */
export function createEventCounters(registry: Registry): EventCounters {
  const decision = createTallies(registry, {
    name: "sallyport_decisions_total",
    help: "Answers of Authorize, BatchAuthorize and /forward-auth, granted or denied, with the reason of a denial.",
    labelNames: ["decision", "reason"],
  });
  const refresh = createTallies(registry, {
    name: "sallyport_refreshes_total",
    help: "Refresh tokens that were presented for a live session, by what came of it.",
    labelNames: ["case"],
  });
  const sessions = createTallies(registry, {
    name: "sallyport_sessions_started_total",
    help: "Sessions that were started by a login.",
    labelNames: [],
  });

  const granted = decision({ decision: "granted", reason: "" }, true);
  const denied = new Map<string, Tally>();
  for (const reason of DENIAL_REASONS) denied.set(reason, decision({ decision: "denied", reason }, true));
  const events = new Map<string, Tally>([["login", sessions({}, true)]]);
  for (const [kind, name] of Object.entries(REFRESH_CASES)) events.set(kind, refresh({ case: name }, true));

  return {
    noteDecision: (made) => (made.granted ? granted : denied.get(made.reason))?.add(),
    noteEvent: (kind) => events.get(kind)?.add(),
  };
}

/** The same check, with each decision told to `note`. */
export function countedDecisions(check: Checker["check"], note: EventCounters["noteDecision"]): Checker["check"] {
  return function checkAndCount(question) {
    const decision = check(question);
    note(decision);
    return decision;
  };
}
