import type { AccessToken } from "./access-token.ts";

/** Tokens that were verified before, so that a signature is checked once. */
export type TokenCache = {
  /** What is kept for exactly this text. */
  readonly get: (token: string) => AccessToken | undefined;
  readonly set: (token: string, verified: AccessToken) => void;
  readonly delete: (token: string) => void;
};

/** A token, and what it was found to be. */
type Entry = { readonly token: string; readonly verified: AccessToken };

/** So many characters at the end of a token are looked up; they belong to its signature, and hold 256 bits of it. */
const TAIL = 43;

/**
 * A {@link TokenCache} of at most `capacity` tokens; the one that was put in first makes
 * room. An entry is found by the end of its token and taken only for the whole of it:
 * to look up a whole token costs more than to compare it with one.
 */
export function createTokenCache(capacity: number): TokenCache {
  const entries = new Map<string, Entry>();
  // In turn, since the first key of a map is found only behind the places of all that were deleted.
  const order: string[] = [];
  let next = 0;

  function makeRoom(tail: string): void {
    const oldest = order[next];
    if (oldest !== undefined) entries.delete(oldest);
    order[next] = tail;
    next = (next + 1) % capacity;
  }

  function find(token: string): Entry | undefined {
    const entry = entries.get(token.slice(-TAIL));
    return entry?.token === token ? entry : undefined;
  }

  return {
    get: (token) => find(token)?.verified,
    set(token, verified) {
      if (capacity === 0) return;
      const tail = token.slice(-TAIL);
      if (!entries.has(tail)) makeRoom(tail);
      entries.set(tail, { token, verified });
    },
    delete(token) {
      if (find(token) !== undefined) entries.delete(token.slice(-TAIL));
    },
  };
}
