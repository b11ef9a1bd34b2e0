/**
 * Tokens in bulk, as the server itself would issue them: by its keys, with its
 * claims, each for a session of its own. Signed without leaving the thread, so that
 * ten thousand take half a second.
 */
import { createHmac, createPrivateKey, sign } from "node:crypto";
import { systemRandom } from "../../src/lib/random.ts";
import { copyRows } from "./copy-rows.ts";
import { type DataFolder, LOGGING_IN } from "./data-folder.ts";

/** Makes tokens for one data folder. */
export type Mint = {
  /** Access tokens that nobody has seen before. */
  readonly accessTokens: (count: number) => string[];
  /** Refresh tokens of new sessions, whose last exchange is minutes ago as with real clients. */
  readonly refreshTokens: (count: number) => { readonly sessionId: string; readonly token: string }[];
  /** New sessions of one user, with both of their tokens. */
  readonly sessions: (count: number) => { readonly accessToken: string; readonly refreshToken: string }[];
};

const LAST_EXCHANGE_MS = 300_000;

/** A {@link Mint}. */
export function createMint({ file, keys, session, users }: DataFolder): Mint {
  const privateKey = createPrivateKey({ key: { ...keys.access }, format: "jwk" });
  const secret = Buffer.from(keys.refresh.k ?? "", "base64url");
  const access = split(session.accessToken);
  const refresh = split(session.refreshToken);
  const owners = users.slice(LOGGING_IN);
  const lifeSeconds = Number(access.claims.exp) - Number(access.claims.iat);

  function accessToken(sid = systemRandom.id("ses")): string {
    const iat = Math.floor(Date.now() / 1000);
    const own = { iat, exp: iat + lifeSeconds, jti: systemRandom.id("at"), sid };
    const signed = joined(access.header, { ...access.claims, ...own });
    const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }

  function refreshToken(sessionId: string): string {
    const signed = joined(refresh.header, { ...refresh.claims, sid: sessionId });
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }

  return {
    accessTokens: (count) => Array.from({ length: count }, () => accessToken()),
    sessions(count) {
      const expires = { access_expires_at: Date.now() + lifeSeconds * 1000 };
      const copies = Array.from({ length: count }, () => ({ id: systemRandom.id("ses"), ...expires }));
      copyRows(file, { table: "sessions", of: ["id", session.sessionId], copies });
      return copies.map(({ id }) => ({ accessToken: accessToken(id), refreshToken: refreshToken(id) }));
    },
    refreshTokens(count) {
      const sessions = Array.from({ length: count }, (_, index) => ({
        id: systemRandom.id("ses"),
        user_id: owners[index % owners.length]?.id ?? "",
        rotated_at: Date.now() - LAST_EXCHANGE_MS,
      }));
      copyRows(file, { table: "sessions", of: ["id", session.sessionId], copies: sessions });
      return sessions.map(({ id }) => ({ sessionId: id, token: refreshToken(id) }));
    },
  };
}

type Parts = { readonly header: string; readonly claims: Readonly<Record<string, unknown>> };

function split(token: string): Parts {
  const [header = "", claims = ""] = token.split(".");
  return { header, claims: JSON.parse(Buffer.from(claims, "base64url").toString()) };
}

function joined(header: string, claims: object): string {
  return `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
}
