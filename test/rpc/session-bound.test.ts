import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, type Person, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "everywhere");
});
afterAll(() => app.close());

describe("A user with a hundred live sessions", () => {
  it("loses the oldest at the next login, and no other", async () => {
    const sessions: Person[] = [];
    for (let count = 0; count < 101; count += 1) sessions.push(await logIn(app, "everywhere"));
    const [oldest, second, newest] = [sessions[0], sessions[1], sessions.at(-1)];
    if (oldest === undefined || second === undefined || newest === undefined) throw new Error("too few sessions");

    expect(await refusalOf(oldest.account.getAccount({}))).toMatchObject({ reason: "SESSION_REVOKED" });
    const { refreshToken } = oldest.tokens;
    expect(await refusalOf(clientsOf(app.url).auth.refresh({ refreshToken }))).toMatchObject({
      reason: "SESSION_ENDED",
    });
    for (const { account } of [second, newest])
      expect((await account.getAccount({})).user?.username).toBe("everywhere");
    expect((await newest.account.listSessions({ pageSize: 100 })).sessions).toHaveLength(100);
    expect(app.logged().filter(({ event }) => event === "session_surplus")).toHaveLength(1);
  });
});
