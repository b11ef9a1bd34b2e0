/**
 * What the reference remembers: all that ever happened, and nothing twice. Plain data without methods, so that it can be
 * copied, and a copy tried out. What the service makes up (tokens, ids, keys) is learned from its answers.
 */

/** Lifetimes that every instance of the model is set to, in milliseconds. */
export const TIMES = { access: 60_000, idle: 100_000, absolute: 250_000, grace: 10_000, keyCache: 300_000 } as const;
/** For so long instances may still sign with a key that was retired. */
export const HANDOVER_MS = 1_000;
/** Audiences that are allowed; the first is the standard one. */
export const AUDIENCES = ["sallyport", "orders", "billing"] as const;

/** An account. */
export type User = {
  readonly id: string;
  password: string;
  isActive: boolean;
  /** Raised whenever its tokens become void. */
  epoch: number;
  roles: readonly string[];
};

/** The exchange of a generation for the next. */
export type Exchange = { readonly at: number; readonly attempt: number };

/** A session; sessions are named by their place in the order in which they began. */
export type Session = {
  id: string;
  readonly user: string;
  readonly authTime: number;
  readonly audiences: readonly string[];
  readonly absoluteEnd: number;
  generation: number;
  expiresAt: number;
  /** The exchanges of generation 1, 2 and so on. */
  readonly exchanges: Exchange[];
  hasEnded: boolean;
  /** The latest expiry of its access tokens. */
  lastAccessExpiry: number;
  /** Whether it was tidied away, when nothing of it was alive any more. */
  isGone: boolean;
};

/** A refresh token that somebody may hold. */
export type RefreshToken = {
  text: string;
  readonly session: number;
  readonly generation: number;
  readonly expiresAt: number;
  /** Whether the session has not come to this generation yet: the service was put back in time since. */
  readonly isAhead: boolean;
};

/** An access token that somebody may hold. */
export type AccessToken = {
  text: string;
  kid: string;
  readonly session: number;
  readonly epoch: number;
  readonly roles: readonly string[];
  readonly audiences: readonly string[];
  readonly expiresAt: number;
};

/** A key that signs access tokens. */
export type Key = { kid: string; state: "next" | "active" | "retired"; readonly madeAt: number; diesAt: number };

/** A service credential. */
export type Service = { readonly name: string; readonly permissions: readonly string[]; key: string; isLive: boolean };

/** All of it. Times are milliseconds. */
export type World = {
  now: number;
  readonly users: Map<string, User>;
  readonly sessions: Session[];
  readonly refreshTokens: RefreshToken[];
  readonly accessTokens: AccessToken[];
  /** What each role grants. */
  readonly roles: Map<string, readonly string[]>;
  /** When roles were deleted. */
  readonly buried: Map<string, number>;
  readonly keys: Key[];
  readonly services: Service[];
};

/** A new installation, at a moment, with an administrator and two keys. */
export function createWorld(now: number, root: User, kids: { readonly active: string; readonly next: string }): World {
  return {
    now,
    users: new Map([["root", root]]),
    sessions: [],
    refreshTokens: [],
    accessTokens: [],
    roles: new Map([
      ["admin", ["*"]],
      ["user", []],
    ]),
    buried: new Map(),
    keys: [
      { kid: kids.active, state: "active", madeAt: now, diesAt: Number.POSITIVE_INFINITY },
      { kid: kids.next, state: "next", madeAt: now, diesAt: Number.POSITIVE_INFINITY },
    ],
    services: [],
  };
}

/** The item so far from the end; `null` if there are none. The newest are the ones that most happens to. */
export function fromEnd<T>(items: readonly T[], distance: number): { readonly item: T; readonly index: number } | null {
  if (items.length === 0) return null;
  const index = items.length - 1 - (distance % items.length);
  const item = items[index];
  return item === undefined ? null : { item, index };
}

/** The item at a place that is known to be taken. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`the reference has nothing at ${index}`);
  return item;
}

/** Tokens tell whole seconds. */
export function wholeSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
