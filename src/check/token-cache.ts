import type { AccessToken } from "./access-token.ts";

/** Tokens that were verified before, so that a signature is checked once. */
export type TokenCache = {
  /** What is kept for exactly this text. */
  readonly get: (token: string) => AccessToken | undefined;
  readonly set: (token: string, verified: AccessToken) => void;
  readonly delete: (token: string) => void;
};

/** A {@link TokenCache} of at most `capacity` tokens; the one that was put in first makes room. */
export function createTokenCache(capacity: number): TokenCache {
  const entries = new Map<string, AccessToken>();
  return {
    get: (token) => entries.get(token),
    set(token, verified) {
      entries.set(token, verified);
      if (entries.size <= capacity) return;
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        return;
      }
    },
    delete: (token) => void entries.delete(token),
  };
}
