/** The tokens that a login or a refresh answers with. */
import { audiencesOf } from "../sessions/session-life.ts";
import type { SessionRow } from "../store/queries/sessions.ts";
import type { UserRow } from "../store/queries/users.ts";
import { accessExpiry, type IssueAccessToken } from "../tokens/access-token-issuer.ts";
import type { RefreshTokens } from "../tokens/refresh-token.ts";

/** Tokens of a session. Times are milliseconds. */
export type TokenPair = {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly accessExpiresAt: number;
  readonly refreshExpiresAt: number;
  readonly sessionId: string;
  readonly user: UserRow;
};

/** What tokens are issued for: the state that a committed write left. */
export type TokenGrant = {
  readonly session: SessionRow;
  readonly user: UserRow;
  /** The write's time, in milliseconds. */
  readonly issuedAt: number;
  /** Audiences of the access token; those of the session if not given. */
  readonly audiences?: readonly string[];
};

/** Issues the tokens of a session. */
export type IssueTokenPair = (grant: TokenGrant) => Promise<TokenPair>;

/** An {@link IssueTokenPair} whose access tokens live as long as the session's row was told. */
export function createTokenPairIssuer(deps: {
  readonly issueAccessToken: IssueAccessToken;
  readonly refreshTokens: Pick<RefreshTokens, "issue">;
  readonly accessTokenTtlMs: number;
}): IssueTokenPair {
  return async function issueTokenPair({ session, user, issuedAt, audiences }) {
    const accessExpiresAt = accessExpiry(issuedAt, deps.accessTokenTtlMs, session.absolute_expires_at);
    const [accessToken, refreshToken] = await Promise.all([
      deps.issueAccessToken({
        user,
        sessionId: session.id,
        audiences: audiences ?? audiencesOf(session),
        authTime: session.auth_time,
        issuedAt,
        expiresAt: accessExpiresAt,
      }),
      deps.refreshTokens.issue({
        sessionId: session.id,
        generation: session.generation,
        issuedAt: session.rotated_at,
        expiresAt: session.refresh_expires_at,
      }),
    ]);
    return {
      accessToken,
      refreshToken,
      accessExpiresAt,
      refreshExpiresAt: session.refresh_expires_at,
      sessionId: session.id,
      user,
    };
  };
}
