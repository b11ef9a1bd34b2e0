/** Tokens of somebody who holds the server's own signing key, and who writes whatever they like into them. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { exportJWK, type JWK } from "jose";
import type { TestApp } from "./app.ts";

/** Members of a JOSE header or of a claims set; `undefined` leaves one out. */
export type Members = Readonly<Record<string, unknown>>;

/** What a segment holds: members as JSON without white space, a text, or bytes as they are. */
export type Content = Members | string | Uint8Array;

/** How a token is forged. */
export type Forgery = readonly [name: string, make: (forge: Forge) => string | Promise<string>];

/** What a forger has to work with. */
export type Forge = {
  /** An access token that the server issued, and what it says. */
  readonly honest: { readonly token: string; readonly header: Members; readonly claims: Members };
  /** A refresh token that the server issued, and the secret that signed it. */
  readonly refreshToken: string;
  readonly refreshSecret: { readonly kid: string; readonly key: Uint8Array };
  /** The server's public key, as it publishes it. */
  readonly publicJwk: JWK;
  /** A key pair of nobody's. */
  readonly foreign: { readonly key: KeyObject; readonly publicJwk: JWK };
  /** Signs header and payload as they are given with the server's key. */
  readonly sign: (header: Content, payload: Content) => Promise<string>;
  /** The honest token with other claims and header members, signed with the server's key. */
  readonly token: (claims?: Members, header?: Members) => Promise<string>;
  /** The same, signed with `key`. */
  readonly tokenUnder: (key: KeyObject, claims?: Members, header?: Members) => Promise<string>;
};

/** A forge with the key of `app`, which must sign by ES256, after the example of tokens that it issued. */
export async function openForge(app: TestApp, issued: { accessToken: string; refreshToken: string }): Promise<Forge> {
  const { kid, key, secret, published } = await app.beside(async ({ keys }) => ({
    ...keys.signingKey(),
    secret: keys.refreshKey(),
    published: keys.jwks().keys,
  }));
  const publicJwk = published.find((jwk) => jwk.kid === kid);
  if (publicJwk === undefined) throw new Error("the signing key is not published");
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [header, claims] = issued.accessToken.split(".").map(membersOf);
  if (header === undefined || claims === undefined) throw new Error("this is no token");
  const tokenUnder = (signer: KeyObject, otherClaims: Members = {}, otherHeader: Members = {}) =>
    signES256(signer, { ...header, ...otherHeader }, { ...claims, ...otherClaims });
  return {
    honest: { token: issued.accessToken, header, claims },
    refreshToken: issued.refreshToken,
    refreshSecret: { kid: secret.kid, key: secret.key.export() },
    publicJwk,
    foreign: { key: pair.privateKey, publicJwk: await exportJWK(pair.publicKey) },
    sign: (ownHeader, payload) => signES256(key, ownHeader, payload),
    token: (otherClaims, otherHeader) => tokenUnder(key, otherClaims, otherHeader),
    tokenUnder,
  };
}

/** A compact JWS by ES256. */
export async function signES256(key: KeyObject, header: Content, payload: Content): Promise<string> {
  const input = `${segment(header)}.${segment(payload)}`;
  const signature = sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** A compact JWS by HS256. */
export function signHS256(secret: string | Uint8Array, header: Content, payload: Content): string {
  const input = `${segment(header)}.${segment(payload)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

/** A segment of a compact JWS. */
export function segment(content: Content): string {
  if (content instanceof Uint8Array) return Buffer.from(content).toString("base64url");
  return Buffer.from(typeof content === "string" ? content : JSON.stringify(content)).toString("base64url");
}

/** The three segments of a compact JWS. */
export function partsOf(token: string): [header: string, payload: string, signature: string] {
  const [header = "", payload = "", signature = ""] = token.split(".");
  return [header, payload, signature];
}

/** The token with its signature's bytes put through `change`. */
export function withSignature(token: string, change: (bytes: Buffer) => Uint8Array): string {
  const [header, payload, signature] = partsOf(token);
  return `${header}.${payload}.${Buffer.from(change(Buffer.from(signature, "base64url"))).toString("base64url")}`;
}

/** The same bytes in another writing: the last letter of a segment holds bits that decoding throws away. */
export function strayBits(token: string, part: 0 | 1 | 2): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const parts = partsOf(token);
  const last = alphabet.indexOf(parts[part].at(-1) ?? "");
  const other = parts[part].slice(0, -1) + alphabet[last ^ 1];
  if (!Buffer.from(other, "base64url").equals(Buffer.from(parts[part], "base64url"))) throw new Error("no stray bits");
  return parts.with(part, other).join(".");
}

function membersOf(encoded: string, index: number): Members | undefined {
  return index > 1 ? undefined : JSON.parse(Buffer.from(encoded, "base64url").toString());
}
