/** Callers of a backend whose audience is `orders`: who may, and who may not, each for one reason. */
import { createSecretKey, randomBytes } from "node:crypto";
import { API_KEY_PREFIX } from "../../src/check/service-table.ts";
import { createRefreshTokens } from "../../src/tokens/refresh-token.ts";
import { type BenchGrant, createCheckBench, makeBenchKey } from "./check-bench.ts";

/** The audience of the backend. */
export const AUDIENCE = "orders";

/** A bench with the roles of a shop, and tokens for its audience. */
export async function createShopBench() {
  const [key, foreign] = await Promise.all([makeBenchKey("kid-1"), makeBenchKey("kid-2")]);
  const bench = createCheckBench([key]);
  bench.roles.set("user", []);
  bench.roles.set("clerk", ["orders:read"]);
  bench.roles.set("owner", ["orders:*"]);
  bench.confirm();
  const issue = (grant: BenchGrant = {}) => bench.issue({ audiences: [AUDIENCE], ...grant });

  /** Tokens, one for each way to be refused anywhere, by the reason. */
  async function refusedTokens(): Promise<Readonly<Record<string, readonly [reason: string, token: string]>>> {
    const { revocations, clock } = bench;
    const expiresAt = clock.now() + 600_000;
    const shortLived = await issue({ lifeMs: 1000 });
    clock.advance(1000);
    bench.confirm();
    revocations.note({ kind: "session_ended", sessionId: "ses_ended", expiresAt });
    revocations.note({ kind: "user_epoch", userId: "usr_changed", epoch: 2, expiresAt });
    return {
      nothing: ["TOKEN_MISSING", ""],
      "what is no token": ["TOKEN_INVALID", "x.y.z"],
      "a token of somebody else's key": ["TOKEN_INVALID", await issue({ key: foreign })],
      "a refresh token": ["TOKEN_INVALID", await refreshToken(clock.now())],
      "an API key": ["TOKEN_INVALID", `${API_KEY_PREFIX}${randomBytes(32).toString("base64url")}`],
      "an expired token": ["TOKEN_EXPIRED", shortLived],
      "the token of an ended session": ["SESSION_REVOKED", await issue({ sessionId: "ses_ended" })],
      "a token from before a change of roles": ["PRIVILEGES_CHANGED", await issue({ userId: "usr_changed" })],
      "a token for another audience": ["AUDIENCE_MISMATCH", await issue({ audiences: ["sallyport", "billing"] })],
    };
  }

  return { ...bench, issue, refusedTokens };
}

function refreshToken(now: number): Promise<string> {
  const key = { kid: "secret", algorithm: "HS256", key: createSecretKey(randomBytes(32)) } as const;
  const keys = { refreshKey: () => key, refreshKeyNamed: () => key };
  const grant = { sessionId: "ses_1", generation: 1, issuedAt: now, expiresAt: now + 600_000 };
  return createRefreshTokens({ issuer: "http://sallyport.test", keys }).issue(grant);
}
