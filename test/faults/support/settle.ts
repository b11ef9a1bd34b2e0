/** Finds out whether what was never answered happened; it did or it did not, and nothing in between. */
import { ConnectError } from "@connectrpc/connect";
import { verdictOf } from "../../support/decisions.ts";
import { takeApart } from "../../support/refusals.ts";
import { type Callers, type Intent, liveTickets, notePassword, noteRefresh, noteRoles, type Person } from "./ledger.ts";

/** Whether an operation happened of which nobody knew. */
export type Fate = "happened" | "never happened";

/** Whether the call is answered; a refusal must be the one of this reason. */
async function isDone(call: Promise<unknown>, otherwise: string): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    const { code, reason, message } = takeApart(ConnectError.from(error));
    if (reason === otherwise) return false;
    throw new Error(`${code} ${reason}: ${message}, in place of ${otherwise}`);
  }
}

/** How many live sessions the service says that somebody has. */
export async function countLive({ userId }: Person, { admin }: Callers): Promise<number> {
  return (await admin.listUserSessions({ userId, pageSize: 100 })).sessions.length;
}

/** Takes the doubt from the ledger; what came of it, or `null` if that cannot be told. Whether all else fits is asked of everybody later. */
export async function settle(person: Person, callers: Callers): Promise<Fate | null> {
  const { pending } = person;
  if (pending === null) return null;
  const hasHappened = await settleIntent(person, pending, callers);
  person.pending = null;
  if (hasHappened === null) return null;
  return hasHappened ? "happened" : "never happened";
}

function settleIntent(person: Person, intent: Intent, callers: Callers): Promise<boolean | null> {
  switch (intent.kind) {
    case "signup":
      return settleSignup(person, callers);
    case "login":
      return settleLogin(person, callers);
    case "refresh":
      return settleRefresh(person, intent, callers);
    case "logout":
      return settleLogout(intent, callers);
    case "password":
      return settlePassword(person, intent.password, callers);
    case "roles":
      return settleRoles(person, intent.roles, callers);
  }
}

async function settleSignup(person: Person, { auth, admin }: Callers): Promise<boolean> {
  const { name: identifier, password } = person;
  const isThere = await isDone(auth.login({ identifier, password }), "CREDENTIALS_INVALID");
  const isTaken = !(await isDone(auth.signup({ username: identifier, password }), "USERNAME_TAKEN"));
  if (isThere !== isTaken) throw new Error(`${identifier} is half there`);
  person.userId = (await admin.getUser({ identity: { case: "username", value: identifier } })).user?.id ?? "";
  if (isThere) person.strays += 1;
  return isThere;
}

async function settleLogin(person: Person, callers: Callers): Promise<boolean> {
  const more = (await countLive(person, callers)) - liveTickets(person).length - person.strays;
  if (more !== 0 && more !== 1) throw new Error(`${person.name} has ${more} sessions that nobody began`);
  person.strays += more;
  return more === 1;
}

/** What became of a refresh is told only by a token before the one that was sent. */
async function settleRefresh(
  { name }: Person,
  intent: Extract<Intent, { kind: "refresh" }>,
  { auth }: Callers,
): Promise<boolean | null> {
  const { ticket, attemptId } = intent;
  const { refreshToken, last } = ticket;
  // It is repeated as long as the one that was sent is not used.
  const isUsed = last && !(await isDone(auth.refresh(last), "REFRESH_TOKEN_SUPERSEDED"));
  // The same attempt has the same answer, whether it came through before or not.
  const answer = await auth.refresh({ refreshToken, attemptId });
  const again = await auth.refresh({ refreshToken, attemptId });
  if (answer.refreshToken !== again.refreshToken) throw new Error(`a session of ${name} was forked`);
  noteRefresh(intent, again);
  return isUsed;
}

async function settleLogout({ ticket }: Extract<Intent, { kind: "logout" }>, { auth }: Callers): Promise<boolean> {
  const verdict = verdictOf(await auth.authorize({ accessToken: ticket.accessToken }));
  ticket.isOver = verdict.startsWith("SESSION_REVOKED");
  return ticket.isOver;
}

async function settlePassword(person: Person, asked: string, { auth }: Callers): Promise<boolean> {
  const { name: identifier, password } = person;
  const isNew = await isDone(auth.login({ identifier, password: asked }), "CREDENTIALS_INVALID");
  const isOld = await isDone(auth.login({ identifier, password }), "CREDENTIALS_INVALID");
  if (isNew === isOld) throw new Error(`${identifier} has ${isNew ? "two passwords" : "none"}`);
  if (isNew) notePassword(person, asked);
  person.strays += 1;
  return isNew;
}

async function settleRoles(person: Person, asked: readonly string[], { admin }: Callers): Promise<boolean> {
  const { user } = await admin.getUser({ identity: { case: "userId", value: person.userId } });
  const isNew = String(user?.roles.toSorted()) === String(asked.toSorted());
  if (isNew) noteRoles(person, asked);
  return isNew;
}
