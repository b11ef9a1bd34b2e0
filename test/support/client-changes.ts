import type { SallyportClient, SessionChange } from "../../src/client/client.ts";

/** What a client tells of its session from now on: `signed-in ada`, `refreshed ada`, `signed-out ada: LOGGED_OUT`. */
export function changesOf(client: SallyportClient): string[] {
  const changes: string[] = [];
  client.onChange((change) => changes.push(tell(change)));
  return changes;
}

function tell(change: SessionChange): string {
  const told = `${change.kind} ${change.session.user.username}`;
  return change.kind === "signed-out" ? `${told}: ${change.reason}` : told;
}
