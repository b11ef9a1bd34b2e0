/** Tokens whose bearers are being served right now, and must be told when they may no more. */
import type { Checker } from "../check/checker.ts";
import type { Denied } from "../check/decision.ts";
import type { LogEntry } from "../check/knowledge.ts";
import type { Rule } from "../check/rule.ts";
import type { FeedChange } from "./feed-reader.ts";

/** Followed tokens. */
export type FollowedTokens = {
  /** Calls `onDenied` once, as soon as a check denies; gives what stops it. */
  readonly follow: (token: string, rule: Rule, onDenied: (denied: Denied) => void) => () => void;
  /** Looks at those whom the change may concern. */
  readonly note: (change: FeedChange) => void;
  /** Stops following all. */
  readonly clear: () => void;
};

type Followed = { readonly look: () => void; readonly stop: () => void };

type FollowedTokensDeps = {
  readonly check: (token: string, rule: Rule) => ReturnType<Checker["check"]>;
  /** The time that tokens expire by, in milliseconds. */
  readonly now: () => number;
};

/** Timers of Node run no longer than this, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** {@link FollowedTokens}, none so far. */
export function createFollowedTokens({ check, now }: FollowedTokensDeps): FollowedTokens {
  const bySession = new Map<string, Set<Followed>>();
  const byUser = new Map<string, Set<Followed>>();
  const all = new Set<Followed>();

  function follow(token: string, rule: Rule, onDenied: (denied: Denied) => void): () => void {
    const decision = check(token, rule);
    if (!decision.granted) {
      // Not before the caller has what stops it.
      let isStopped = false;
      queueMicrotask(() => isStopped || onDenied(decision));
      return () => {
        isStopped = true;
      };
    }
    const { sessionId, userId, expiresAt, authTime } = decision.principal;
    const deniedAt = rule.maxAuthAgeMs === null ? expiresAt : Math.min(expiresAt, authTime + rule.maxAuthAgeMs + 1);
    let timer: NodeJS.Timeout;
    const followed: Followed = {
      look() {
        const decision = check(token, rule);
        clearTimeout(timer);
        if (decision.granted) return wait();
        followed.stop();
        onDenied(decision);
      },
      stop() {
        clearTimeout(timer);
        all.delete(followed);
        remove(bySession, sessionId, followed);
        remove(byUser, userId, followed);
      },
    };
    function wait(): void {
      timer = setTimeout(followed.look, Math.max(1, Math.min(deniedAt - now(), LONGEST_TIMER_MS)));
      timer.unref();
    }
    all.add(followed);
    add(bySession, sessionId, followed);
    add(byUser, userId, followed);
    wait();
    return followed.stop;
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
    clear() {
      for (const followed of [...all]) followed.stop();
    },
  };
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
