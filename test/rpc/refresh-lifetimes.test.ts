import { timestampMs } from "@bufbuild/protobuf/wkt";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RefreshResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { logIn, signUp } from "../support/people.ts";
import { newAttempt, refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { sessionRow } from "../support/rows.ts";

const ACCESS_MS = 50_000;
const IDLE_MS = 100_000;
const ABSOLUTE_MS = 250_000;

let app: TestApp;

beforeAll(async () => {
  app = await startApp({
    settings: {
      SALLYPORT_ACCESS_TOKEN_TTL_SECONDS: "50",
      SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "100",
      SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: "250",
      SALLYPORT_REFRESH_GRACE_SECONDS: "10",
    },
  });
  await signUp(app, "alice");
});
afterAll(() => app.close());

/** A session, and the time of its login: a whole second, as tokens tell their times. */
async function begin() {
  app.clock.advance(1000 - (app.clock.now() % 1000));
  const { tokens } = await logIn(app, "alice");
  return { tokens, start: app.clock.now() };
}

function expiryOf({ refreshTokenExpiresAt }: Pick<RefreshResponse, "refreshTokenExpiresAt">): number {
  return refreshTokenExpiresAt === undefined ? Number.NaN : timestampMs(refreshTokenExpiresAt);
}

describe("The life of a session", () => {
  it("is told in the answer and in the token alike", async () => {
    const { tokens, start } = await begin();
    expect(expiryOf(tokens)).toBe(start + IDLE_MS);
    expect(decodeJwt(tokens.refreshToken).exp).toBe((start + IDLE_MS) / 1000);
    expect(decodeJwt(tokens.accessToken).exp).toBe((start + ACCESS_MS) / 1000);
  });

  it("ends when it is not refreshed for the idle time, to the second", async () => {
    const { tokens } = await begin();
    app.clock.advance(IDLE_MS);
    expect(await refusalOf(refresh(app, tokens.refreshToken))).toMatchObject({
      code: "Unauthenticated",
      reason: "REFRESH_TOKEN_EXPIRED",
      nextStep: "NEXT_STEP_LOG_IN",
    });
  });

  it("goes on when it is refreshed a moment before", async () => {
    const { tokens, start } = await begin();
    app.clock.advance(IDLE_MS - 1);
    const next = await refresh(app, tokens.refreshToken);
    expect(expiryOf(next)).toBe(start + 2 * IDLE_MS - 1000);
    expect(await verdictOn(app, next.accessToken)).toBe("GRANTED");
  });

  it("is never longer than the absolute time, however often it is refreshed", async () => {
    const { tokens, start } = await begin();
    let { refreshToken } = tokens;
    const expiries: number[] = [];
    for (let step = 0; step < 4; step += 1) {
      app.clock.advance(60_000);
      const next = await refresh(app, refreshToken);
      expiries.push(expiryOf(next) - start);
      refreshToken = next.refreshToken;
    }
    expect(expiries).toEqual([160_000, 220_000, ABSOLUTE_MS, ABSOLUTE_MS]);
    app.clock.advance(start + ABSOLUTE_MS - 1 - app.clock.now());
    refreshToken = (await refresh(app, refreshToken)).refreshToken;
    app.clock.advance(1);
    expect((await refusalOf(refresh(app, refreshToken))).reason).toBe("REFRESH_TOKEN_EXPIRED");
  });

  it("is not prolonged by an answer that is repeated", async () => {
    const { tokens } = await begin();
    const attempt = newAttempt();
    app.clock.advance(5_000);
    const next = await refresh(app, tokens.refreshToken, attempt);
    const row = await sessionRow(app, tokens.sessionId);
    app.clock.advance(60_000);
    const again = await refresh(app, tokens.refreshToken, attempt);
    expect(expiryOf(again)).toBe(expiryOf(next));
    const { access_expires_at, ...clocks } = await sessionRow(app, tokens.sessionId);
    expect(row).toMatchObject(clocks);
    expect(access_expires_at).toBe(app.clock.now() + ACCESS_MS);
    app.clock.advance(IDLE_MS - 60_000);
    expect((await refusalOf(refresh(app, next.refreshToken))).reason).toBe("REFRESH_TOKEN_EXPIRED");
  });

  it("cannot be prolonged by an attempt id whose token has expired", async () => {
    const { tokens } = await begin();
    const attempt = newAttempt();
    app.clock.advance(90_000);
    const next = await refresh(app, tokens.refreshToken, attempt);
    app.clock.advance(20_000);
    expect((await refusalOf(refresh(app, tokens.refreshToken, attempt))).reason).toBe("REFRESH_TOKEN_EXPIRED");
    expect((await refresh(app, next.refreshToken)).sessionId).toBe(tokens.sessionId);
  });

  it("is not ended by an old token that comes after its own expiry", async () => {
    const { tokens } = await begin();
    app.clock.advance(90_000);
    const next = await refresh(app, tokens.refreshToken);
    app.clock.advance(20_000);
    await refusalOf(refresh(app, tokens.refreshToken));
    expect(await verdictOn(app, next.accessToken)).toBe("GRANTED");
    expect((await sessionRow(app, tokens.sessionId)).ended_at).toBeNull();
  });

  it("keeps the time of the password, whenever it is refreshed", async () => {
    const { tokens, start } = await begin();
    app.clock.advance(70_000);
    const next = await refresh(app, tokens.refreshToken);
    expect(decodeJwt(next.accessToken).auth_time).toBe(start / 1000);
    expect(decodeJwt(next.accessToken).iat).toBe((start + 70_000) / 1000);
  });

  it("says that an access token is over while its session is not", async () => {
    const { tokens } = await begin();
    app.clock.advance(ACCESS_MS - 1);
    expect(await verdictOn(app, tokens.accessToken)).toBe("GRANTED");
    app.clock.advance(1);
    expect(await verdictOn(app, tokens.accessToken)).toBe("TOKEN_EXPIRED, REFRESH");
    expect(await verdictOn(app, (await refresh(app, tokens.refreshToken)).accessToken)).toBe("GRANTED");
  });
});
