import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { logIn, passwordOf, signUp } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { countSessions } from "../support/rows.ts";

let app: TestApp;
let userId: string;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_AUDIENCES: "sallyport,orders,billing" } });
  userId = await signUp(app, "alice");
});
afterAll(() => app.close());

describe("The audiences of a login", () => {
  it.each([
    [[], ["sallyport"]],
    [["orders"], ["orders"]],
    [
      ["billing", "sallyport"],
      ["billing", "sallyport"],
    ],
    [
      ["sallyport", "orders", "billing"],
      ["sallyport", "orders", "billing"],
    ],
  ])("asked as %j are %j", async (asked, given) => {
    const { accessToken } = (await logIn(app, "alice", asked)).tokens;
    expect(decodeJwt(accessToken).aud).toEqual(given);
    for (const audience of ["sallyport", "orders", "billing"]) {
      const answer = await clientsOf(app.url).auth.authorize({ accessToken, audience });
      expect(verdictOf(answer)).toBe(given.includes(audience) ? "GRANTED" : "AUDIENCE_MISMATCH, NONE");
    }
  });

  it.each([[["nowhere"]], [["orders", "nowhere"]], [["Orders"]], [["*"]], [["http://sallyport.test"]], [["orders "]]])(
    "are refused if asked as %j, and no session starts",
    async (audiences) => {
      const before = await countSessions(app, userId);
      const refusal = await refusalOf(logIn(app, "alice", audiences));
      expect(refusal).toMatchObject({ code: "InvalidArgument", reason: "AUDIENCE_UNKNOWN", fields: ["audiences"] });
      expect(await countSessions(app, userId)).toBe(before);
    },
  );

  it("are refused before the password is looked at", async () => {
    const { auth } = clientsOf(app.url);
    const known = await refusalOf(auth.login({ identifier: "alice", password: "wrong", audiences: ["nowhere"] }));
    const unknown = await refusalOf(auth.login({ identifier: "nobody", password: "wrong", audiences: ["nowhere"] }));
    expect(known).toEqual(unknown);
    expect(known.reason).toBe("AUDIENCE_UNKNOWN");
  });

  it("make no token for others good for Sallyport's own RPCs", async () => {
    const { account, auth } = await logIn(app, "alice", ["orders", "billing"]);
    expect((await refusalOf(account.getAccount({}))).reason).toBe("AUDIENCE_MISMATCH");
    expect((await refusalOf(auth.logout({}))).reason).toBe("AUDIENCE_MISMATCH");
  });

  it("default to the first on the list, whichever that is", async () => {
    const other = await startApp({ settings: { SALLYPORT_AUDIENCES: "orders,sallyport" } });
    try {
      await signUp(other, "alice");
      const { tokens, account } = await logIn(other, "alice");
      expect(decodeJwt(tokens.accessToken).aud).toEqual(["orders"]);
      expect((await refusalOf(account.getAccount({}))).reason).toBe("AUDIENCE_MISMATCH");
      const { accessToken } = tokens;
      expect(verdictOf(await clientsOf(other.url).auth.authorize({ accessToken }))).toBe("GRANTED");
    } finally {
      await other.close();
    }
  });

  it("stay those of the login's time while the password is what it was", async () => {
    const { auth } = clientsOf(app.url);
    const answer = await auth.login({ identifier: "alice", password: passwordOf("alice"), audiences: ["billing"] });
    const { accessToken } = await auth.refresh({ refreshToken: answer.refreshToken });
    expect(decodeJwt(accessToken).aud).toEqual(["billing"]);
  });
});
