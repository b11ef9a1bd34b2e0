import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { logIn, type Person, signUp } from "../support/people.ts";
import { generationOf, loggedOf, newAttempt, refresh, refreshChain, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { auditOf, changeSession, sessionRow } from "../support/rows.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "alice");
});
afterAll(() => app.close());

/** A session whose row was put back to an earlier generation, as a restore from backup does; and its tokens. */
async function restoredSession(to: number): Promise<{ person: Person; chain: readonly string[] }> {
  const person = await logIn(app, "alice");
  const row = await sessionRow(app, person.tokens.sessionId);
  const chain = await refreshChain(app, person.tokens.refreshToken, 3);
  const { generation, rotated_at, attempt_hash, refresh_expires_at } = row;
  await changeSession(app, row.id, { generation: generation + to - 1, rotated_at, attempt_hash, refresh_expires_at });
  return { person, chain };
}

describe("A refresh token of a generation that the database does not know yet", () => {
  it.each([
    ["one generation ahead", 3],
    ["three generations ahead", 1],
  ])("is refused with a reason of its own, %s", async (_how, to) => {
    const { chain } = await restoredSession(to);
    expect(await refusalOf(refresh(app, chain.at(-1) ?? ""))).toMatchObject({
      code: "FailedPrecondition",
      reason: "REFRESH_TOKEN_FROM_FUTURE",
      nextStep: "NEXT_STEP_LOG_IN",
    });
  });

  it("is refused with an attempt id too, as often as it comes", async () => {
    const { chain } = await restoredSession(1);
    for (const attempt of [newAttempt(), newAttempt(), new Uint8Array()]) {
      expect((await refusalOf(refresh(app, chain.at(-1) ?? "", attempt))).reason).toBe("REFRESH_TOKEN_FROM_FUTURE");
    }
  });

  it("is never called reuse, however late it comes", async () => {
    const { person, chain } = await restoredSession(1);
    app.clock.advance(86_400_000);
    expect((await refusalOf(refresh(app, chain.at(-1) ?? ""))).reason).toBe("REFRESH_TOKEN_FROM_FUTURE");
    expect(loggedOf(app, "refresh_reused", person.tokens.sessionId)).toEqual([]);
  });

  it("leaves the session alive, to whoever holds the generation that the database knows", async () => {
    const { person, chain } = await restoredSession(3);
    await refusalOf(refresh(app, chain.at(-1) ?? ""));
    expect(await verdictOn(app, person.tokens.accessToken)).toBe("GRANTED");
    expect((await sessionRow(app, person.tokens.sessionId)).ended_at).toBeNull();
    expect(generationOf((await refresh(app, chain[2] ?? "")).refreshToken)).toBe(4);
  });

  it("is on record under its own name", async () => {
    const { person, chain } = await restoredSession(3);
    await refusalOf(refresh(app, chain.at(-1) ?? ""));
    const { sessionId } = person.tokens;
    const details = { presented_generation: 4, current_generation: 3 };
    expect((await auditOf(app, sessionId)).at(-1)).toMatchObject({ kind: "refresh_from_future", details });
    expect(loggedOf(app, "refresh_from_future", sessionId)).toMatchObject([{ level: "warn", ...details }]);
  });
});
