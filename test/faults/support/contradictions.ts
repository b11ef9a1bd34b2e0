/** Whether what a person was told is so, as the service tells it now. */
import { randomBytes } from "node:crypto";
import type { Clients } from "../../support/clients.ts";
import { verdictOf } from "../../support/decisions.ts";
import { passwordOf } from "../../support/people.ts";
import { insist } from "./outcome.ts";

/** What one person was told. */
export type Entry = {
  readonly username: string;
  /** `asked`: the answer was lost. */
  account: "asked" | "there";
  session: Session | null;
};

/** A session, as its owner knows it. */
export type Session = {
  accessToken: string;
  refreshToken: string;
  /** The refresh whose answer was lost, to be repeated as it was. */
  lost: { readonly attemptId: Uint8Array } | null;
  /** `leaving`: the answer to the logout was lost. */
  state: "in" | "leaving" | "out";
};

type Auth = Clients["auth"];

/** What contradicts the entry: nothing if all is as it was acknowledged, and what was not is one thing or the other. */
export async function contradictionsOf(auth: Auth, entry: Entry): Promise<readonly string[]> {
  const { username, account, session } = entry;
  if (account === "asked") {
    const again = await insist(() => auth.signup({ username, password: passwordOf(username) }));
    const happened = again.kind === "refused" && again.refusal.reason === "USERNAME_TAKEN";
    if (again.kind !== "done" && !happened) return [`${username}: the signup neither happened nor did not`];
  }
  if (session !== null) return contradictionsOfSession(auth, username, session);
  const login = await insist(() => auth.login({ identifier: username, password: passwordOf(username) }));
  return login.kind === "done" ? [] : [`${username} cannot log in: ${login.refusal.reason}`];
}

/** Of a token that has expired nothing else is told. */
const EXPIRED = "TOKEN_EXPIRED, REFRESH";

const isLive = async (auth: Auth, { accessToken }: { readonly accessToken: string }) =>
  ["GRANTED", EXPIRED].includes(verdictOf(await auth.authorize({ accessToken })));

async function contradictionsOfSession(auth: Auth, username: string, session: Session): Promise<readonly string[]> {
  let { accessToken, refreshToken } = session;
  if (session.lost !== null) {
    // A refresh whose answer was lost may be repeated, and leads to the one live branch.
    const again = await insist(() => auth.refresh({ refreshToken: session.refreshToken, ...session.lost }));
    if (again.kind !== "done") return [`${username} lost the session by a refresh: ${again.refusal.reason}`];
    ({ accessToken, refreshToken } = again.value);
  }
  const verdict = verdictOf(await auth.authorize({ accessToken }));
  const attemptId = randomBytes(16);
  const next = await insist(() => auth.refresh({ refreshToken, attemptId }));
  const isStill = (expected: string) => verdict === expected || verdict === EXPIRED;
  const isIn = isStill("GRANTED") && next.kind === "done" && (await isLive(auth, next.value));
  const hasEnded = next.kind === "refused" && next.refusal.reason === "SESSION_ENDED";
  const isOut = isStill("SESSION_REVOKED, LOG_IN") && hasEnded;
  const isAsTold = { in: isIn, out: isOut, leaving: isIn !== isOut }[session.state];
  return isAsTold
    ? []
    : [`${username} was told "${session.state}", and is: ${verdict}, and the refresh is ${next.kind}`];
}
