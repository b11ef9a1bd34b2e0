/**
 * People who sign up, log in, refresh and log out while things break, and a diary of
 * what they were told. What was acknowledged must hold afterwards; what was asked for
 * and not answered must have happened, or not, and be exactly one of the two.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { passwordOf } from "../../support/people.ts";
import type { Chance } from "./chance.ts";
import { contradictionsOf, type Entry, type Session } from "./contradictions.ts";
import { type Outcome, outcomeOf, untilToldOver } from "./outcome.ts";

/** A call of a person, when it was begun, and what became of it. */
export type Told = { readonly name: string; readonly begunAt: number; readonly outcome: Outcome<unknown> };

/** How people live. */
export type DiaryOptions = {
  readonly url: () => string;
  readonly chance: Chance;
  /** How many live at once. */
  readonly people: number;
  /** By when each has an answer, in milliseconds: the server is to see to it. */
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
  const limits = () => untilToldOver(deadlineMs);
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
    ask("Signup", (auth) => auth.signup({ username, password: passwordOf(username) }, limits()));
  const logIn = (username: string) =>
    ask("Login", (auth) => auth.login({ identifier: username, password: passwordOf(username) }, limits()));

  async function refresh(session: Session, attemptId: Uint8Array): Promise<boolean> {
    const { refreshToken } = session;
    const outcome = await ask("Refresh", (auth) => auth.refresh({ refreshToken, attemptId }, limits()));
    if (outcome.kind === "done") {
      session.accessToken = outcome.value.accessToken;
      session.refreshToken = outcome.value.refreshToken;
      session.lost = null;
    } else session.lost = { attemptId };
    return session.lost === null;
  }

  async function logOut(session: Session): Promise<void> {
    session.state = "leaving";
    const { refreshToken } = session;
    if ((await ask("Logout", (auth) => auth.logout({ refreshToken }, limits()))).kind === "done") session.state = "out";
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
      const found = await Promise.all(entries.splice(0).map((entry) => contradictionsOf(clientsOf(url()).auth, entry)));
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
