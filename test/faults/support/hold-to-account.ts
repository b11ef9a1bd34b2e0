/** Whether a service still says of everybody what it acknowledged. */
import { verdictOf } from "../../support/decisions.ts";
import { refusalOf } from "../../support/refusals.ts";
import { type Callers, liveTickets, type Person, type Ticket } from "./ledger.ts";
import { countLive } from "./settle.ts";

/** As many tokens as one call may ask about. */
const BATCH = 50;

/** What contradicts the ledger, in words; nothing if all is as it was acknowledged. The person must not be in doubt. */
export async function contradictions(person: Person, callers: Callers): Promise<readonly string[]> {
  const { admin } = callers;
  const { name, userId } = person;
  const faults: string[] = [];
  const { user } = await admin.getUser({ identity: { case: "userId", value: userId } });
  if (user?.username !== name) faults.push(`${name} is lost`);
  if (String(user?.roles.toSorted()) !== String(person.roles.toSorted()))
    faults.push(`${name} holds ${user?.roles}, not ${person.roles}`);
  const live = liveTickets(person).length + person.strays;
  const counted = await countLive(person, callers);
  if (counted !== live) faults.push(`${name} has ${counted} sessions, not ${live}`);
  for (const ticket of person.tickets) faults.push(...(await contradictionsOf(ticket, name, callers)));
  faults.push(...(await passwordFaults(person, callers)));
  return faults;
}

async function contradictionsOf(ticket: Ticket, name: string, { auth }: Callers): Promise<readonly string[]> {
  const { accessToken, refreshToken, last } = ticket;
  const verdict = verdictOf(await auth.authorize({ accessToken }));
  if (ticket.isOver) {
    if (verdict !== "SESSION_REVOKED, LOG_IN") return [`${name} came back: ${verdict}`];
    const { reason } = await refusalOf(auth.refresh({ refreshToken }));
    return reason === "SESSION_ENDED" ? [] : [`a refresh of ${name}, who is out, is told ${reason}`];
  }
  const expected = ticket.isVoid ? "PRIVILEGES_CHANGED, REFRESH" : "GRANTED";
  if (verdict !== expected) return [`a session of ${name} that lives is told ${verdict}, not ${expected}`];
  if (last === null) return [];
  // One successor, however often it is asked for.
  const repeated = await auth.refresh(last);
  return repeated.refreshToken === refreshToken ? [] : [`a session of ${name} was forked`];
}

/** The password is the acknowledged one, and none before it. */
async function passwordFaults(person: Person, { auth }: Callers): Promise<readonly string[]> {
  const { name: identifier, password, oldPassword } = person;
  const { refreshToken } = await auth.login({ identifier, password });
  await auth.logout({ refreshToken });
  if (oldPassword === "") return [];
  const { reason } = await refusalOf(auth.login({ identifier, password: oldPassword }));
  return reason === "CREDENTIALS_INVALID" ? [] : [`an old password of ${identifier} is told ${reason}`];
}

/** Which of the tokens, all of them of sessions that are over, are granted all the same. */
export async function revived(tokens: readonly string[], { auth }: Callers): Promise<readonly string[]> {
  const alive: string[] = [];
  for (let from = 0; from < tokens.length; from += BATCH) {
    const items = tokens
      .slice(from, from + BATCH)
      .map((accessToken, index) => ({ correlationId: String(index), request: { accessToken } }));
    const { results } = await auth.batchAuthorize({ items });
    for (const { outcome } of results)
      if (outcome.case !== "response" || outcome.value.decision.case !== "denied") alive.push("a token of the dead");
  }
  return alive;
}
