/**
 * How long access tokens live, told in durations alone: the clock of this machine may
 * be wrong, so it is only ever compared with itself. Whatever comes of that is a hint for
 * when to refresh; whether a token is good, the server says.
 */
import { base64Decode } from "@bufbuild/protobuf/wire";

/** An access token, and what is known of its time. */
export type AccessToken = {
  readonly token: string;
  /** The one audience that it is for; empty for all audiences of the session. */
  readonly audience: string;
  /** When it was asked for, by the clock of this machine, in milliseconds. */
  readonly since: number;
  /** How long it lives, in milliseconds; `null` if it does not tell. */
  readonly lifeMs: number | null;
};

/** So long before its end a token is renewed, if it lives long enough. */
const EARLY_MS = 60_000;
/** The part of its life that a short-lived token is renewed before its end. */
const EARLY_PART = 1 / 5;

/** How long a token lives, in milliseconds, by its own `iat` and `exp`; `null` if it does not say. */
export function lifeOf(token: string): number | null {
  try {
    const claims: unknown = JSON.parse(new TextDecoder().decode(base64Decode(token.split(".")[1] ?? "")));
    if (typeof claims !== "object" || claims === null || !("iat" in claims) || !("exp" in claims)) return null;
    const { iat, exp } = claims;
    if (typeof iat !== "number" || typeof exp !== "number" || !(exp > iat)) return null;
    return (exp - iat) * 1000;
  } catch {
    return null;
  }
}

/** Whether a token is good to be sent, is to be renewed soon, or is over. */
export type Freshness = "fresh" | "ending" | "over";

/** How fresh a token is. One whose time cannot be told counts as fresh until the server refuses it. */
export function freshnessOf({ since, lifeMs }: AccessToken, now: number): Freshness {
  // A clock that was put back since then tells nothing.
  if (lifeMs === null || now < since) return "fresh";
  const left = since + lifeMs - now;
  if (left <= 0) return "over";
  return left <= Math.min(EARLY_MS, lifeMs * EARLY_PART) ? "ending" : "fresh";
}
