/**
 * People who sign up, log in, refresh and log out while things break, and a diary of
 * what they were told. What was acknowledged must hold afterwards; what was asked for
 * and not answered must have happened, or not, and be exactly one of the two.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { verdictOf } from "../../support/decisions.ts";
import { passwordOf } from "../../support/people.ts";
import type { Chance } from "./chance.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";

/** What one person was told. */
type Entry = {
  readonly username: string;
  /** `asked`: the answer was lost. */
  account: "asked" | "there";
  session: Session | null;
};

type Session = {
  accessToken: string;
  refreshToken: string;
  /** The refresh whose answer was lost, to be repeated as it was. */
  lost: { readonly attemptId: Uint8Array } | null;
  /** `leaving`: the answer to the logout was lost. */
  state: "in" | "leaving" | "out";
};

/** A call of a person, when it was begun, and what became of it. */
export type Told = { readonly name: string; readonly begunAt: number; readonly outcome: Outcome<unknown> };

/** How people live. */
export type DiaryOptions = {
  readonly url: () => string;
  readonly chance: Chance;
  /** How many live at once. */
  readonly people: number;
  /** How long each waits for an answer, in milliseconds. */
  readonly deadlineMs: number;
};

/** A {@link Diary} of nobody yet. */
export type Diary = ReturnType<typeof createDiary>;

/** Pause between what one person does and does next, in milliseconds. */
const THINK_MS = 20;

/** A diary; `live` begins the lives. */
export function createDiary({ url, chance, people, deadlineMs }: DiaryOptions) {
  const entries: Entry[] = [];
  const told: Told[] = [];
  const faults: string[] = [];
  const limits = { timeoutMs: deadlineMs };
  let born = 0;

  async function ask<T>(name: string, call: (auth: Clients["auth"]) => Promise<T>): Promise<Outcome<T>> {
    const begunAt = Date.now();
    const outcome = await outcomeOf(call(clientsOf(url()).auth));
    told.push({ name, begunAt, outcome });
    // Nothing that these people do is against any rule.
    if (outcome.kind === "refused") faults.push(`${name} was refused: ${outcome.refusal.reason}`);
    return outcome;
  }

  const signUp = (username: string) =>
    ask("Signup", (auth) => auth.signup({ username, password: passwordOf(username) }, limits));
  const logIn = (username: string) =>
    ask("Login", (auth) => auth.login({ identifier: username, password: passwordOf(username) }, limits));

  async function refresh(session: Session, attemptId: Uint8Array): Promise<boolean> {
    const { refreshToken } = session;
    const outcome = await ask("Refresh", (auth) => auth.refresh({ refreshToken, attemptId }, limits));
    if (outcome.kind === "done") {
      session.accessToken = outcome.value.accessToken;
      session.refreshToken = outcome.value.refreshToken;
      session.lost = null;
    } else session.lost = { attemptId };
    return outcome.kind === "done";
  }

  async function logOut(session: Session): Promise<void> {
    session.state = "leaving";
    const { refreshToken } = session;
    if ((await ask("Logout", (auth) => auth.logout({ refreshToken }, limits))).kind === "done") session.state = "out";
  }

  /** A life, from the signup to an answer that is lost, or to its end. */
  async function liveOnce(): Promise<void> {
    born += 1;
    const entry: Entry = { username: `p${chance.seed.toString(36)}-${born}`, account: "asked", session: null };
    entries.push(entry);
    if ((await signUp(entry.username)).kind !== "done") return;
    entry.account = "there";
    await pause(THINK_MS);
    const login = await logIn(entry.username);
    if (login.kind !== "done") return;
    const { accessToken, refreshToken } = login.value;
    const session: Session = { accessToken, refreshToken, lost: null, state: "in" };
    entry.session = session;
    for (let left = chance.between(1, 4); left > 0; left -= 1) {
      await pause(THINK_MS);
      if (!(await refresh(session, randomBytes(16)))) return;
    }
    await pause(THINK_MS);
    if (chance.fraction() < 0.5) await logOut(session);
  }

  /** What contradicts the entry, as the service tells it now. */
  async function contradictionsOf({ username, account, session }: Entry): Promise<readonly string[]> {
    if (account === "asked") {
      const again = await outcomeOf(clientsOf(url()).auth.signup({ username, password: passwordOf(username) }));
      const happened = again.kind === "refused" && again.refusal.reason === "USERNAME_TAKEN";
      if (again.kind !== "done" && !happened) return [`${username}: the signup neither happened nor did not`];
    }
    if (session === null) return (await logIn(username)).kind === "done" ? [] : [`${username} cannot log in`];
    // A refresh whose answer was lost may be repeated, and leads to the one live branch.
    if (session.lost !== null && !(await refresh(session, session.lost.attemptId)))
      return [`${username} lost the session by a refresh`];
    const { auth } = clientsOf(url());
    const verdict = verdictOf(await auth.authorize({ accessToken: session.accessToken }));
    const next = await outcomeOf(auth.refresh({ refreshToken: session.refreshToken, attemptId: randomBytes(16) }));
    const isIn = verdict === "GRANTED" && next.kind === "done";
    const isOut =
      verdict === "SESSION_REVOKED, LOG_IN" && next.kind === "refused" && next.refusal.reason === "SESSION_ENDED";
    const isAsTold = { in: isIn, out: isOut, leaving: isIn !== isOut }[session.state];
    const found = `${verdict}, and the refresh is ${next.kind}`;
    return isAsTold ? [] : [`${username} was told "${session.state}", and is: ${found}`];
  }

  return {
    /** What was against the rules while people lived. */
    faults,
    told,
    /** Has people live, one life after the other, until what this yields is called; resolves when they are all done. */
    live(): () => Promise<void> {
      let isOver = false;
      const lives = Array.from({ length: people }, async () => {
        while (!isOver) {
          await liveOnce();
          await pause(THINK_MS);
        }
      });
      return async () => {
        isOver = true;
        await Promise.all(lives);
      };
    },
    /** What contradicts the diary, which begins anew; to be asked when the service works and nobody lives. */
    async contradictions(): Promise<readonly string[]> {
      const found = await Promise.all(entries.splice(0).map(contradictionsOf));
      return [...found.flat(), ...faults.splice(0)];
    },
  };
}

/** How many calls ended in which way: `done`, or the code of the refusal. */
export function tally(told: readonly Told[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome } of told) {
    const name = outcome.kind === "done" ? "done" : outcome.refusal.code;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
