/** The chain that every RPC goes through, outermost first. The order is part of the design. */
import type { Interceptor } from "@connectrpc/connect";
import { createGuard, type GuardDeps } from "./guard.ts";
import { keepDeadline } from "./keep-deadline.ts";
import { mapErrors } from "./map-errors.ts";
import { observe } from "./observe.ts";
import { createTracing } from "./trace.ts";
import { createValidation } from "./validate.ts";

/** The chain, in order. */
export function createInterceptors(deps: GuardDeps): Interceptor[] {
  return [
    // The span is around everything, so that whatever a step below does or calls belongs to it.
    createTracing(),
    // Sees what the client sees, so it stands outside of everything that makes answers.
    observe,
    // Turns refusals and faults into statuses, whichever step they come from.
    mapErrors,
    // Answers when the deadline passes, however far the steps below have come.
    keepDeadline,
    // Starts from "deny": nothing is read of a message whose sender may not send it.
    createGuard(deps),
    // The message is within its bounds before a handler sees it.
    createValidation([...deps.rules.keys()]),
  ];
}
