import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RefreshResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { logIn, type Person, signUp } from "../support/people.ts";
import { generationOf, loggedOf, newAttempt, refresh, refreshChain, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { auditOf, sessionRow } from "../support/rows.ts";

const GRACE_MS = 30_000;

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "alice");
});
afterAll(() => app.close());

const newPerson = () => logIn(app, "alice");

/** The same token again, nothing of the session moved. */
async function expectRepeat(again: RefreshResponse, { refreshToken, refreshTokenExpiresAt }: RefreshResponse) {
  expect(again.refreshToken).toBe(refreshToken);
  expect(again.refreshTokenExpiresAt).toEqual(refreshTokenExpiresAt);
  expect(await verdictOn(app, again.accessToken)).toBe("GRANTED");
  expect(loggedOf(app, "refresh_repeated", again.sessionId)).not.toEqual([]);
}

/** Refused as a theft: the session is over for everybody, and it is on record which case it was. */
async function expectReuse(call: Promise<unknown>, { tokens }: Person, presented: number): Promise<void> {
  expect(await refusalOf(call)).toMatchObject({
    code: "Unauthenticated",
    reason: "REFRESH_TOKEN_REUSED",
    nextStep: "NEXT_STEP_LOG_IN",
  });
  const { sessionId, accessToken } = tokens;
  const details = { presented_generation: presented, current_generation: expect.any(Number) };
  expect(await verdictOn(app, accessToken)).toBe("SESSION_REVOKED, LOG_IN");
  expect((await sessionRow(app, sessionId)).ended_at).toBe(app.clock.now());
  expect((await auditOf(app, sessionId)).at(-1)).toMatchObject({ kind: "refresh_reused", details });
  expect(loggedOf(app, "refresh_reused", sessionId)).toMatchObject([{ level: "warn", ...details }]);
}

/** Refused as slow: the session lives, and it is on record which case it was. */
async function expectSuperseded(call: Promise<unknown>, { tokens }: Person, presented: number): Promise<void> {
  expect(await refusalOf(call)).toMatchObject({
    code: "Aborted",
    reason: "REFRESH_TOKEN_SUPERSEDED",
    nextStep: "NEXT_STEP_REFRESH",
  });
  const { sessionId, accessToken } = tokens;
  const details = { presented_generation: presented };
  expect(await verdictOn(app, accessToken)).toBe("GRANTED");
  expect((await sessionRow(app, sessionId)).ended_at).toBeNull();
  expect((await auditOf(app, sessionId)).at(-1)).toMatchObject({ kind: "refresh_superseded", details });
  expect(loggedOf(app, "refresh_superseded", sessionId)).toMatchObject([{ level: "info", ...details }]);
}

describe("A refresh token that is used again", () => {
  it("within the grace time yields the same successor with its original expiry", async () => {
    const { tokens } = await newPerson();
    const next = await refresh(app, tokens.refreshToken);
    for (const wait of [0, 10_000, GRACE_MS - 10_001]) {
      app.clock.advance(wait);
      await expectRepeat(await refresh(app, tokens.refreshToken), next);
    }
    expect(await sessionRow(app, tokens.sessionId)).toMatchObject({ generation: 2, ended_at: null });
  });

  it("within the grace time yields it whatever the attempt id", async () => {
    const { tokens } = await newPerson();
    const next = await refresh(app, tokens.refreshToken, newAttempt());
    await expectRepeat(await refresh(app, tokens.refreshToken, newAttempt()), next);
    await expectRepeat(await refresh(app, tokens.refreshToken), next);
  });

  it("at the end of the grace time ends the session", async () => {
    const person = await newPerson();
    const next = await refresh(app, person.tokens.refreshToken);
    app.clock.advance(GRACE_MS);
    await expectReuse(refresh(app, person.tokens.refreshToken), person, 1);
    expect(await verdictOn(app, next.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
    expect((await refusalOf(refresh(app, next.refreshToken))).reason).toBe("SESSION_ENDED");
    expect((await refusalOf(refresh(app, person.tokens.refreshToken))).reason).toBe("SESSION_ENDED");
  });

  it("does not stretch the grace time by being used in it", async () => {
    const person = await newPerson();
    const next = await refresh(app, person.tokens.refreshToken);
    app.clock.advance(20_000);
    await expectRepeat(await refresh(app, person.tokens.refreshToken), next);
    app.clock.advance(10_000);
    await expectReuse(refresh(app, person.tokens.refreshToken), person, 1);
  });

  it("after the grace time with the attempt id of its exchange yields the same successor", async () => {
    const { tokens } = await newPerson();
    const attempt = newAttempt();
    const next = await refresh(app, tokens.refreshToken, attempt);
    for (const wait of [GRACE_MS, 3_600_000, 86_400_000]) {
      app.clock.advance(wait);
      await expectRepeat(await refresh(app, tokens.refreshToken, attempt), next);
    }
    expect(generationOf((await refresh(app, next.refreshToken)).refreshToken)).toBe(3);
  });

  it.each([
    ["with another attempt id", newAttempt(), newAttempt()],
    ["with an attempt id where its exchange had none", new Uint8Array(), newAttempt()],
    ["without one where its exchange had one", newAttempt(), new Uint8Array()],
    ["without one where its exchange had none either", new Uint8Array(), new Uint8Array()],
    [
      "with a longer attempt id that begins like its exchange's",
      new Uint8Array(16).fill(7),
      new Uint8Array(17).fill(7),
    ],
  ])("after the grace time %s ends the session", async (_how, first, second) => {
    const person = await newPerson();
    await refresh(app, person.tokens.refreshToken, first);
    app.clock.advance(GRACE_MS);
    await expectReuse(refresh(app, person.tokens.refreshToken, second), person, 1);
  });

  it("after its successor was used, within the grace time, is superseded and harms nobody", async () => {
    const person = await newPerson();
    const [first = "", , third = ""] = await refreshChain(app, person.tokens.refreshToken, 2);
    app.clock.advance(GRACE_MS - 1);
    await expectSuperseded(refresh(app, first), person, 1);
    expect(generationOf((await refresh(app, third)).refreshToken)).toBe(4);
  });

  it("after many successors were used, within the grace time, is superseded, whichever it is", async () => {
    const person = await newPerson();
    const chain = await refreshChain(app, person.tokens.refreshToken, 8);
    for (const old of chain.slice(0, -2)) {
      expect((await refusalOf(refresh(app, old))).reason).toBe("REFRESH_TOKEN_SUPERSEDED");
    }
    expect(generationOf((await refresh(app, chain.at(-2) ?? "")).refreshToken)).toBe(9);
    expect(generationOf((await refresh(app, chain.at(-1) ?? "")).refreshToken)).toBe(10);
  });

  it("after its successor was used, with the attempt id of its own exchange, is superseded all the same", async () => {
    const person = await newPerson();
    const attempt = newAttempt();
    const second = await refresh(app, person.tokens.refreshToken, attempt);
    await refresh(app, second.refreshToken, attempt);
    await expectSuperseded(refresh(app, person.tokens.refreshToken, attempt), person, 1);
  });

  it("after its successor was used, at the end of its own grace time, ends the session", async () => {
    const person = await newPerson();
    const second = await refresh(app, person.tokens.refreshToken);
    app.clock.advance(20_000);
    const third = await refresh(app, second.refreshToken);
    app.clock.advance(10_000);
    await expectReuse(refresh(app, person.tokens.refreshToken), person, 1);
    expect(await verdictOn(app, third.accessToken)).toBe("SESSION_REVOKED, LOG_IN");
    expect((await refusalOf(refresh(app, third.refreshToken))).reason).toBe("SESSION_ENDED");
  });

  it("after its successor was used, long after, ends the session, with its attempt id or without", async () => {
    for (const attempt of [newAttempt(), new Uint8Array()]) {
      const person = await newPerson();
      const second = await refresh(app, person.tokens.refreshToken, attempt);
      await refresh(app, second.refreshToken, attempt);
      app.clock.advance(GRACE_MS);
      await expectReuse(refresh(app, person.tokens.refreshToken, attempt), person, 1);
    }
  });

  it("ends its own session alone", async () => {
    const robbed = await newPerson();
    const other = await newPerson();
    await refresh(app, robbed.tokens.refreshToken);
    app.clock.advance(GRACE_MS);
    await expectReuse(refresh(app, robbed.tokens.refreshToken), robbed, 1);
    expect(await verdictOn(app, other.tokens.accessToken)).toBe("GRANTED");
    expect((await refresh(app, other.tokens.refreshToken)).sessionId).toBe(other.tokens.sessionId);
  });
});

describe("A refresh token where no grace time is set", () => {
  let strict: TestApp;

  beforeAll(async () => {
    strict = await startApp({ settings: { SALLYPORT_REFRESH_GRACE_SECONDS: "0" } });
    await signUp(strict, "alice");
  });
  afterAll(() => strict.close());

  it("may be used again by its own attempt alone", async () => {
    const { tokens } = await logIn(strict, "alice");
    const attempt = newAttempt();
    const next = await refresh(strict, tokens.refreshToken, attempt);
    expect((await refresh(strict, tokens.refreshToken, attempt)).refreshToken).toBe(next.refreshToken);
    expect((await refusalOf(refresh(strict, tokens.refreshToken))).reason).toBe("REFRESH_TOKEN_REUSED");
  });
});
