import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RefreshResponse } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { welcome } from "../support/people.ts";
import { generationOf, loggedOf, newAttempt, refresh, verdictOn } from "../support/refreshing.ts";
import { refusalOf } from "../support/refusals.ts";
import { sessionRow } from "../support/rows.ts";
import { rawConnection } from "../support/wire-raw.ts";
import { until } from "../support/wire-server.ts";

/** Two instances on one database: parallel refreshes need not meet in one process. */
let app: TestApp;
let second: TestApp;

beforeAll(async () => {
  app = await startApp();
  second = await startApp({ dataDir: app.dataDir, clock: app.clock });
});
afterAll(async () => {
  await second.close();
  await app.close();
});

const SIXTEEN = Array.from({ length: 16 }, (_, index) => index);
const none = new Uint8Array();

/** Sixteen tabs that refresh at once with one token, tab by tab at one of `instances`. */
function sixteenTabs(
  refreshToken: string,
  attemptOf: (tab: number) => Uint8Array<ArrayBuffer>,
  instances: readonly TestApp[] = [app],
): Promise<readonly RefreshResponse[]> {
  return Promise.all(
    SIXTEEN.map((tab) => refresh(instances[tab % instances.length] ?? app, refreshToken, attemptOf(tab))),
  );
}

/** One branch, sixteen usable answers, nobody signed out. */
async function expectOneLiveBranch(answers: readonly RefreshResponse[], generation: number): Promise<void> {
  const [first] = answers;
  expect(answers).toHaveLength(16);
  expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
  expect(generationOf(first?.refreshToken ?? "")).toBe(generation);
  expect(new Set(answers.map(({ refreshTokenExpiresAt }) => refreshTokenExpiresAt?.seconds)).size).toBe(1);
  for (const { accessToken } of answers) expect(await verdictOn(app, accessToken)).toBe("GRANTED");
  expect(await sessionRow(app, first?.sessionId ?? "")).toMatchObject({ generation, ended_at: null });
}

/** A refresh of which the server has seen everything and the client nothing. */
async function refreshAndLoseAnswer(sessionId: string, refreshToken: string, attemptId: Uint8Array): Promise<void> {
  const { socket } = await rawConnection(app.port);
  socket.pause();
  const body = JSON.stringify({ refreshToken, attemptId: Buffer.from(attemptId).toString("base64") });
  socket.write(
    `POST /sallyport.auth.v1.AuthService/Refresh HTTP/1.1\r\nhost: sallyport.test\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  await until(() => loggedOf(app, "refresh_rotated", sessionId).length === 1, "the rotation");
  socket.destroy();
}

describe("Sixteen refreshes at once with one token", () => {
  it.each([
    ["without attempt ids", () => none],
    ["with an attempt id for each tab", () => newAttempt()],
    [
      "with one attempt id for all",
      (() => {
        const attempt = newAttempt();
        return () => attempt;
      })(),
    ],
    ["with attempt ids in some tabs", (tab: number) => (tab % 2 === 0 ? newAttempt() : none)],
  ])("make one live branch, %s", async (how, attemptOf) => {
    const { tokens } = await welcome(app, how.replaceAll(" ", "-"));
    await expectOneLiveBranch(await sixteenTabs(tokens.refreshToken, attemptOf), 2);
    expect(loggedOf(app, "refresh_rotated", tokens.sessionId)).toHaveLength(1);
    expect(loggedOf(app, "refresh_repeated", tokens.sessionId)).toHaveLength(15);
  });

  it("make one live branch across two instances", async () => {
    const { tokens } = await welcome(app, "tabs-at-both");
    const answers = await sixteenTabs(tokens.refreshToken, () => newAttempt(), [app, second]);
    await expectOneLiveBranch(answers, 2);
    for (const { accessToken } of answers) expect(await verdictOn(second, accessToken)).toBe("GRANTED");
  });

  it("make one live branch over all forms of the wire", async () => {
    const { tokens } = await welcome(app, "tabs-of-all-forms");
    const { refreshToken } = tokens;
    const answers = await Promise.all(
      SIXTEEN.map((tab) => {
        const { transport } = WIRE_FORMS[tab % WIRE_FORMS.length] ?? {};
        return clientsOf(app.url, "", transport).auth.refresh({ refreshToken });
      }),
    );
    await expectOneLiveBranch(answers, 2);
  });

  it("go on together, round after round", async () => {
    const { tokens } = await welcome(app, "rounds");
    let current = tokens.refreshToken;
    for (let generation = 2; generation <= 6; generation += 1) {
      const answers = await sixteenTabs(current, () => none, [app, second]);
      await expectOneLiveBranch(answers, generation);
      current = answers[0]?.refreshToken ?? "";
    }
  });

  it.each([
    ["without attempt ids", none, none],
    ["with the attempt id of the lost one", newAttempt(), null],
    ["with other attempt ids", newAttempt(), newAttempt()],
  ])("make one live branch after the winner's answer was lost, %s", async (how, lost, others) => {
    const { tokens } = await welcome(app, `lost-${how.replaceAll(" ", "-")}`);
    await refreshAndLoseAnswer(tokens.sessionId, tokens.refreshToken, lost);
    const answers = await sixteenTabs(tokens.refreshToken, () => new Uint8Array(others ?? lost));
    await expectOneLiveBranch(answers, 2);
    expect(loggedOf(app, "refresh_rotated", tokens.sessionId)).toHaveLength(1);
  });

  it("sign nobody out when the lost answer is asked for again long after, by its attempt id", async () => {
    const { tokens } = await welcome(app, "lost-for-an-hour");
    const attempt = newAttempt();
    await refreshAndLoseAnswer(tokens.sessionId, tokens.refreshToken, attempt);
    app.clock.advance(3_600_000);
    await expectOneLiveBranch(await sixteenTabs(tokens.refreshToken, () => attempt), 2);
  });

  it("are all told of a theft, and end the session once, when the token was used long ago", async () => {
    const { tokens } = await welcome(app, "robbed");
    await refresh(app, tokens.refreshToken);
    app.clock.advance(30_000);
    const refusals = await Promise.all(
      SIXTEEN.map((tab) => refusalOf(refresh(tab % 2 === 0 ? app : second, tokens.refreshToken))),
    );
    const reasons = refusals.map(({ reason }) => reason).sort();
    expect(reasons).toEqual(["REFRESH_TOKEN_REUSED", ...Array(15).fill("SESSION_ENDED")]);
  });
});
