/** What the service answers, told as the reference tells it. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { decodeJwt, decodeProtectedHeader } from "jose";
import type { LoginResponse, RefreshResponse } from "../../../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { takeApart } from "../../../support/refusals.ts";
import type { Seen } from "./deed.ts";

/** What a call led to: `told` of its answer, or why it was refused. */
export async function seenOf<Answer>(
  call: Promise<Answer>,
  told: (answer: Answer) => Seen = () => ({ outcome: { done: null } }),
): Promise<Seen> {
  let answer: Answer;
  try {
    answer = await call;
  } catch (error) {
    const { code, reason, message } = takeApart(ConnectError.from(error));
    return { outcome: { refused: reason ?? `${code}: ${message}` } };
  }
  return told(answer);
}

/** What an answer with tokens tells; `isNew` of a session that nobody has seen yet. */
export function seenTokens(answer: LoginResponse | RefreshResponse, isNew: boolean): Seen {
  const { accessToken, refreshToken, sessionId, user } = answer;
  const access = decodeJwt(accessToken);
  const { gen, sid, exp } = decodeJwt(refreshToken);
  const [accessExpiry, refreshExpiry] = [answer.accessTokenExpiresAt, answer.refreshTokenExpiresAt];
  const isOne =
    sid === sessionId &&
    access.sid === sessionId &&
    access.sub === user?.id &&
    access.iss === decodeJwt(refreshToken).iss;
  const isTimely =
    accessExpiry !== undefined &&
    refreshExpiry !== undefined &&
    timestampMs(accessExpiry) === Number(access.exp) * 1000 &&
    timestampMs(refreshExpiry) === Number(exp) * 1000;
  if (!isOne || !isTimely) throw new Error("an answer that contradicts its own tokens");
  const done = {
    session: isNew ? "new" : sessionId,
    user: access.preferred_username,
    generation: gen,
    audiences: [access.aud].flat(),
    expiresAt: Number(access.exp) * 1000,
    refreshExpiresAt: Number(exp) * 1000,
    authTime: Number(access.auth_time) * 1000,
    epoch: access.epoch,
    roles: Array.isArray(access.roles) ? [...access.roles].sort() : access.roles,
  };
  const kids = [decodeProtectedHeader(accessToken).kid ?? ""];
  return { outcome: { done }, made: { accessToken, refreshToken, sessionId, kids } };
}
