import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserState } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { refusalOf } from "../support/refusals.ts";

let app: TestApp;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_SIGNUP_ROLES: "user,ghost" } });
});
afterAll(() => app.close());

describe("Signup", () => {
  it.each(WIRE_FORMS)("makes an account over $name", async ({ name, transport }) => {
    const username = name.toLowerCase().replace(/[^a-z0-9]/g, "");
    const { user } = await clientsOf(app.url, "", transport).auth.signup({
      username,
      password: "kites over the harbour",
    });
    expect(user).toMatchObject({ username, email: "", emailVerified: false, roles: ["user"], state: UserState.ACTIVE });
    expect(user?.id).toMatch(/^usr_[0-9a-f-]{36}$/);
  });
});
