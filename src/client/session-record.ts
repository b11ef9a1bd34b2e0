/**
 * What a client keeps of a session, and how that goes on.
 *
 * `generation` counts the exchanges since the login, as the server does: the answer to
 * generation n is n + 1, however often it is asked for. It orders all records of a session
 * without a look into the refresh token, which is opaque to clients.
 */
import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { LoginResponse, RefreshResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { type User, UserSchema } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { type AccessToken, lifeOf } from "./token-life.ts";

/** A session as it is kept. */
export type SessionRecord = {
  readonly sessionId: string;
  readonly generation: number;
  readonly refreshToken: string;
  /** Names the exchange of `refreshToken` that is under way or whose answer was lost, in base64url; empty if none is. */
  readonly attemptId: string;
  /** One for each audience that was asked for. */
  readonly access: readonly AccessToken[];
  readonly user: User;
  /** When the session ends unless it is refreshed, by the server's clock, in milliseconds. */
  readonly expiresAt: number;
};

/** An answer with tokens, for which audience they were asked for, and when. */
export type TokenAnswer = {
  readonly tokens: LoginResponse | RefreshResponse;
  readonly audience: string;
  readonly since: number;
};

/** The record of a session that has just begun. */
export function recordOfLogin(answer: TokenAnswer): SessionRecord {
  return recordOf(answer, { generation: 1, access: [accessOf(answer)] });
}

/** The record after the exchange of its refresh token. Access tokens for other audiences stay good until they expire. */
export function successorOf({ generation, access }: SessionRecord, answer: TokenAnswer): SessionRecord {
  const others = access.filter(({ audience }) => audience !== answer.audience);
  return recordOf(answer, { generation: generation + 1, access: [...others, accessOf(answer)] });
}

/** The access token for an audience, if there is one. */
export function accessFor({ access }: SessionRecord, audience: string): AccessToken | null {
  return access.find((one) => one.audience === audience) ?? null;
}

/** The access token that an answer brought. */
export function accessOf({ tokens, audience, since }: TokenAnswer): AccessToken {
  return { token: tokens.accessToken, audience, since, lifeMs: lifeOf(tokens.accessToken) };
}

function recordOf(
  { tokens }: TokenAnswer,
  { generation, access }: Pick<SessionRecord, "generation" | "access">,
): SessionRecord {
  const { sessionId, refreshToken, refreshTokenExpiresAt, user } = tokens;
  const expiresAt = refreshTokenExpiresAt === undefined ? 0 : timestampMs(refreshTokenExpiresAt);
  return { sessionId, generation, refreshToken, attemptId: "", access, user: user ?? create(UserSchema), expiresAt };
}

/** The form of the text; another number is another form. */
const FORM = 1;

/** The record as text. */
export function encodeRecord(record: SessionRecord): string {
  return JSON.stringify({ sallyport: FORM, ...record, user: toJson(UserSchema, record.user) });
}

/** The record that the text is; `null` if it is none. */
export function decodeRecord(text: string): SessionRecord | null {
  try {
    const record: unknown = JSON.parse(text);
    return isStored(record)
      ? { ...record, user: fromJson(UserSchema, record.user, { ignoreUnknownFields: true }) }
      : null;
  } catch {
    return null;
  }
}

type Stored = Omit<SessionRecord, "user"> & { readonly sallyport: typeof FORM; readonly user: JsonValue };

function isStored(value: unknown): value is Stored {
  return (
    hasFields(value, { sallyport: isNumber, sessionId: isText, generation: isNumber, refreshToken: isText }) &&
    hasFields(value, { attemptId: isString, access: isAccessList, user: isObject, expiresAt: isNumber }) &&
    hasFields(value, { sallyport: (form) => form === FORM })
  );
}

function isAccessList(value: unknown): boolean {
  const fields = { token: isText, audience: isString, since: isNumber, lifeMs: isNumberOrNull };
  return Array.isArray(value) && value.every((one) => hasFields(one, fields));
}

function hasFields(value: unknown, fields: Readonly<Record<string, (field: unknown) => boolean>>): boolean {
  if (!isObject(value)) return false;
  const found = new Map<string, unknown>(Object.entries(value));
  return Object.entries(fields).every(([name, fits]) => found.has(name) && fits(found.get(name)));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isText(value: unknown): boolean {
  return isString(value) && value !== "";
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || isNumber(value);
}
