/**
 * What a service acknowledged of a few people's doings, and what they asked for without an answer.
 *
 * Each person does one thing at a time, so that at most one of them is in doubt. What was acknowledged is noted when the
 * answer is there, and not a moment before.
 */
import type { Clients } from "../../support/clients.ts";
import { newAttempt } from "../../support/refreshing.ts";
import type { Chance } from "./chance.ts";

/** A session, and the newest tokens of it. */
export type Ticket = {
  readonly sessionId: string;
  accessToken: string;
  refreshToken: string;
  /** The exchange that these tokens came of; `null` after a login. */
  last: { readonly refreshToken: string; readonly attemptId: Uint8Array<ArrayBuffer> } | null;
  isOver: boolean;
  /** Whether the roles were set since the access token was issued. */
  isVoid: boolean;
};

/** What somebody asks for. */
export type Intent =
  | { readonly kind: "signup" | "login" }
  | { readonly kind: "refresh"; readonly ticket: Ticket; readonly attemptId: Uint8Array<ArrayBuffer> }
  | { readonly kind: "logout"; readonly ticket: Ticket }
  | { readonly kind: "password"; readonly password: string }
  | { readonly kind: "roles"; readonly roles: readonly string[] };

/** Somebody, as far as it was acknowledged. */
export type Person = {
  readonly name: string;
  /** Empty before the signup. */
  userId: string;
  password: string;
  oldPassword: string;
  roles: readonly string[];
  readonly tickets: Ticket[];
  /** Sessions that live and whose tokens nobody was told. */
  strays: number;
  /** What was asked for and not answered. */
  pending: Intent | null;
};

/** Whom to ask: as anybody, and as somebody who may do everything. */
export type Callers = Pick<Clients, "auth" | "admin">;

/** Somebody who is not there yet. */
export function newPerson(name: string): Person {
  const password = `${name} keeps kites in the harbour`;
  const roles = ["user"];
  return { name, userId: "", password, oldPassword: "", roles, tickets: [], strays: 0, pending: null };
}

/** The sessions that are not over. */
export function liveTickets({ tickets }: Person): readonly Ticket[] {
  return tickets.filter(({ isOver }) => !isOver);
}

/** What the person does next. */
export function nextIntent(person: Person, chance: Chance): Intent {
  if (person.userId === "") return { kind: "signup" };
  const [ticket, ...others] = liveTickets(person).toSorted(() => chance.fraction() - 0.5);
  const kind = chance.oneOf(["refresh", "refresh", "refresh", "refresh", "login", "logout", "password", "roles"]);
  if (kind === "password") return { kind, password: `${person.name} lights lantern ${chance.between(0, 1e6)}` };
  if (kind === "roles") return { kind, roles: person.roles.includes("clerk") ? ["user"] : ["clerk", "user"] };
  if (ticket === undefined || (kind === "login" && others.length < 2)) return { kind: "login" };
  if (kind === "logout") return { kind, ticket };
  return { kind: "refresh", ticket, attemptId: newAttempt() };
}

/** Has the person do it, and notes what was acknowledged. Rejects if it was not, and leaves it in doubt. */
export async function act(person: Person, intent: Intent, callers: Callers): Promise<void> {
  person.pending = intent;
  await carryOut(person, intent, callers);
  person.pending = null;
}

async function carryOut(person: Person, intent: Intent, { auth, admin }: Callers): Promise<void> {
  const { name, password, userId } = person;
  switch (intent.kind) {
    case "signup": {
      const { user } = await auth.signup({ username: name, password });
      person.userId = user?.id ?? "";
      return;
    }
    case "login": {
      const { sessionId, accessToken, refreshToken } = await auth.login({ identifier: name, password });
      person.tickets.push({ sessionId, accessToken, refreshToken, last: null, isOver: false, isVoid: false });
      return;
    }
    case "refresh":
      noteRefresh(
        intent,
        await auth.refresh({ refreshToken: intent.ticket.refreshToken, attemptId: intent.attemptId }),
      );
      return;
    case "logout":
      await auth.logout({ refreshToken: intent.ticket.refreshToken });
      intent.ticket.isOver = true;
      return;
    case "password":
      await admin.setUserPassword({ userId, password: intent.password });
      notePassword(person, intent.password);
      return;
    case "roles":
      await admin.setUserRoles({ userId, roles: [...intent.roles] });
      noteRoles(person, intent.roles);
  }
}

/** The session has other tokens. */
export function noteRefresh(
  { ticket, attemptId }: Extract<Intent, { kind: "refresh" }>,
  { accessToken, refreshToken }: Pick<Ticket, "accessToken" | "refreshToken">,
): void {
  const last = { refreshToken: ticket.refreshToken, attemptId };
  Object.assign(ticket, { accessToken, refreshToken, last, isVoid: false });
}

/** The password is another, and every session over. */
export function notePassword(person: Person, password: string): void {
  person.oldPassword = person.password;
  person.password = password;
  person.strays = 0;
  for (const ticket of person.tickets) ticket.isOver = true;
}

/** The roles are others, and every access token void. */
export function noteRoles(person: Person, roles: readonly string[]): void {
  person.roles = roles;
  for (const ticket of person.tickets) ticket.isVoid = true;
}
