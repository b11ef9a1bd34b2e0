/** Tokens whose bearers are being served right now, and must be told when they may no more. */
import type { Checker } from "../check/checker.ts";
import { type DenialReason, denied, type Principal } from "../check/decision.ts";
import type { LogEntry } from "../check/knowledge.ts";
import type { Rule } from "../check/rule.ts";
import { type Verifier, VerifierUnavailable } from "./api.ts";
import { callOut } from "./call-out.ts";
import type { FeedChange } from "./feed-reader.ts";

/** Why a token is followed no more. */
type Ending = Parameters<Parameters<Verifier["follow"]>[2]>[0];

/** Followed tokens. */
export type FollowedTokens = {
  /** Calls `onEnd` once, as soon as a check denies; gives what stops it. `granted` is whom Sallyport granted it to. */
  readonly follow: (token: string, rule: Rule, onEnd: (ending: Ending) => void, granted?: Principal) => () => void;
  /** Looks at those whom the change may concern. */
  readonly note: (change: FeedChange) => void;
  /** Knowledge was confirmed: looks at those about whom it said nothing certain. */
  readonly confirm: () => void;
  /** Ends following all, and follows nobody from now on. */
  readonly clear: () => void;
};

type Followed = { readonly look: () => void; readonly end: (ending: Ending) => void };

type FollowedTokensDeps = {
  readonly check: (token: string, rule: Rule) => ReturnType<Checker["check"]>;
  /** The time that tokens expire by, in milliseconds. */
  readonly now: () => number;
};

/** Timers of Node run no longer than this, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Denials that stay true, however little is known beside them. */
const CERTAIN: ReadonlySet<DenialReason> = new Set([
  "SESSION_REVOKED",
  "PRIVILEGES_CHANGED",
  "TOKEN_EXPIRED",
  "AUTHENTICATION_TOO_OLD",
]);

/** {@link FollowedTokens}, none so far. */
export function createFollowedTokens({ check, now }: FollowedTokensDeps): FollowedTokens {
  const bySession = new Map<string, Set<Followed>>();
  const byUser = new Map<string, Set<Followed>>();
  const all = new Set<Followed>();
  /** Granted by Sallyport, whose latest news may not have come here yet. */
  const uncertain = new Set<Followed>();
  let isCleared = false;

  function follow(token: string, rule: Rule, onEnd: (ending: Ending) => void, granted?: Principal): () => void {
    if (isCleared) return later(onEnd, closed());
    const first = check(token, rule);
    const principal = first.granted ? first.principal : granted;
    if (!first.granted && (principal === undefined || CERTAIN.has(first.reason))) return later(onEnd, first);
    if (principal === undefined) throw new Error("a grant without a principal");
    const { sessionId, userId, expiresAt, authTime } = principal;
    const deniedAt = rule.maxAuthAgeMs === null ? expiresAt : Math.min(expiresAt, authTime + rule.maxAuthAgeMs + 1);
    let timer: NodeJS.Timeout;
    const followed: Followed = {
      look() {
        // Whoever was told just before may have stopped this one.
        if (!all.has(followed)) return;
        const decision = check(token, rule);
        if (!decision.granted && (CERTAIN.has(decision.reason) || !uncertain.has(followed))) return end(decision);
        if (decision.granted) uncertain.delete(followed);
        wait();
      },
      end,
    };
    function end(ending: Ending): void {
      stop();
      callOut(onEnd, ending);
    }
    function stop(): void {
      clearTimeout(timer);
      all.delete(followed);
      uncertain.delete(followed);
      remove(bySession, sessionId, followed);
      remove(byUser, userId, followed);
    }
    function wait(): void {
      clearTimeout(timer);
      const isOver = () =>
        deniedAt <= now()
          ? end(denied(expiresAt <= now() ? "TOKEN_EXPIRED" : "AUTHENTICATION_TOO_OLD"))
          : followed.look();
      timer = setTimeout(isOver, Math.max(1, Math.min(deniedAt - now(), LONGEST_TIMER_MS)));
      timer.unref();
    }
    all.add(followed);
    if (!first.granted) uncertain.add(followed);
    add(bySession, sessionId, followed);
    add(byUser, userId, followed);
    wait();
    return stop;
  }

  function note(change: FeedChange): void {
    if (concernsAll(change)) lookAt(all);
    else if (change.kind === "batch") for (const entry of change.entries) lookAt(concerned(entry));
  }

  function concerned(entry: LogEntry): ReadonlySet<Followed> | undefined {
    if (entry.kind === "session_ended") return bySession.get(entry.sessionId);
    return entry.kind === "user_epoch" ? byUser.get(entry.userId) : all;
  }

  return {
    follow,
    note,
    confirm() {
      const doubted = [...uncertain];
      // What was news when Sallyport granted it has come by now.
      uncertain.clear();
      for (const { look } of doubted) look();
    },
    clear() {
      isCleared = true;
      for (const { end } of [...all]) end(closed());
    },
  };
}

/** Tells it not before the caller has what stops it. */
function later(onEnd: (ending: Ending) => void, ending: Ending): () => void {
  let isStopped = false;
  queueMicrotask(() => isStopped || callOut(onEnd, ending));
  return () => {
    isStopped = true;
  };
}

function closed(): VerifierUnavailable {
  return new VerifierUnavailable("UNAVAILABLE", "the verifier was closed");
}

/** Keys and snapshots may be about anybody. */
function concernsAll(change: FeedChange): boolean {
  return change.kind === "resynced" || change.hasKeys;
}

function lookAt(some: ReadonlySet<Followed> | undefined): void {
  for (const { look } of [...(some ?? [])]) look();
}

function add(index: Map<string, Set<Followed>>, key: string, followed: Followed): void {
  const some = index.get(key);
  if (some === undefined) index.set(key, new Set([followed]));
  else some.add(followed);
}

function remove(index: Map<string, Set<Followed>>, key: string, followed: Followed): void {
  const some = index.get(key);
  some?.delete(followed);
  if (some?.size === 0) index.delete(key);
}
