import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { logIn, passwordOf, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

describe("Signup that is closed", () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp({ settings: { SALLYPORT_SIGNUP_ROLES: "" } });
  });
  afterAll(() => app.close());

  it.each(WIRE_FORMS)("is refused over $name", async ({ transport }) => {
    const { auth } = clientsOf(app.url, "", transport);
    for (const roles of [[], ["user"], ["admin"]]) {
      const refusal = await refusalOf(auth.signup({ username: "newcomer", password: passwordOf("newcomer"), roles }));
      expect(refusal).toMatchObject({ code: "PermissionDenied", reason: "SIGNUP_CLOSED" });
    }
  });

  it("is refused to administrators too, who have other means", async () => {
    const { auth } = await welcomeAdmin(app);
    const refusal = await refusalOf(auth.signup({ username: "newcomer", password: passwordOf("newcomer") }));
    expect(refusal.reason).toBe("SIGNUP_CLOSED");
  });

  it("leaves the command line's way open", async () => {
    await app.beside((core) =>
      core.createUser({ username: "invited", password: passwordOf("invited"), email: "", roles: ["user"] }),
    );
    expect((await logIn(app, "invited")).tokens.user?.username).toBe("invited");
  });
});
