import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GetUserRequestSchema } from "../../gen/sallyport/auth/v1/admin_users_pb.ts";
import { UserState } from "../../gen/sallyport/auth/v1/user_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { type Person, passwordOf, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { changeUser } from "../support/rows.ts";

type Identity = MessageInitShape<typeof GetUserRequestSchema>["identity"];

let app: TestApp;
let root: Person;
let aliceId: string;

beforeAll(async () => {
  app = await startApp();
  root = await welcomeAdmin(app);
  const { user } = await clientsOf(app.url).auth.signup({
    username: "alice",
    password: passwordOf("alice"),
    email: "alice@bücher.example",
  });
  aliceId = user?.id ?? "";
});
afterAll(() => app.close());

describe("GetUser", () => {
  it.each(WIRE_FORMS)("finds a user by id over $name", async ({ transport }) => {
    const { admin } = clientsOf(app.url, root.tokens.accessToken, transport);
    const { user } = await admin.getUser({ identity: { case: "userId", value: aliceId } });
    expect(user).toMatchObject({ id: aliceId, username: "alice", email: "alice@xn--bcher-kva.example" });
  });

  it.each([
    { case: "username", value: "alice" },
    { case: "username", value: "ALICE" },
    { case: "username", value: "ａｌｉｃｅ" },
    { case: "email", value: "alice@bücher.example" },
    { case: "email", value: "ALICE@BÜCHER.example" },
    { case: "email", value: "alice@xn--bcher-kva.example" },
  ] satisfies Identity[])("finds a user by $case $value", async (identity) => {
    expect((await root.admin.getUser({ identity })).user?.id).toBe(aliceId);
  });

  it.each([
    { case: "userId", value: "usr_01890000-0000-7000-8000-000000000000" },
    { case: "userId", value: "alice" },
    { case: "username", value: "nobody" },
    { case: "username", value: "alice@bücher.example" },
    { case: "username", value: "ali ce" },
    { case: "username", value: "☃" },
    { case: "email", value: "alice" },
    { case: "email", value: "bob@bücher.example" },
    { case: "email", value: "@" },
  ] satisfies Identity[])("finds nobody by $case $value", async (identity) => {
    const refusal = await refusalOf(root.admin.getUser({ identity }));
    expect(refusal).toMatchObject({ code: "NotFound", reason: "USER_NOT_FOUND" });
  });

  it("shows who is disabled as such", async () => {
    await changeUser(app, aliceId, { state: "disabled" });
    const { user } = await root.admin.getUser({ identity: { case: "userId", value: aliceId } });
    expect(user?.state).toBe(UserState.DISABLED);
    await changeUser(app, aliceId, { state: "active" });
  });
});
