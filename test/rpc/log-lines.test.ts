/** What the log tells: one line a request, and one a security event. */
import type { Interceptor } from "@connectrpc/connect";
import { ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf, WIRE_FORMS } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, passwordOf, signUp, welcome, welcomeAdmin } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";

const GRACE_MS = 30_000;

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
  await signUp(app, "ada");
});
afterAll(() => app.close());

type Line = Readonly<Record<string, unknown>>;

/** The one line about the request of this id; fails if there are more or none. */
async function lineOf(id: string): Promise<Line> {
  const about = () => app.logged().filter((line) => line.id === id);
  // Written when all of the request is over, which may be after its answer has come.
  await eventually(about).not.toEqual([]);
  expect(about()).toHaveLength(1);
  return about()[0] ?? {};
}

describe.each(WIRE_FORMS)("Over $name", ({ transport }) => {
  /** Logs in, and tells the request id that came with the answer. */
  async function logInBy(password: string): Promise<string> {
    let id = "";
    const noteId: Interceptor = (next) => async (request) => {
      const response = await next(request);
      id = response.header.get("x-request-id") ?? "";
      return response;
    };
    const client = createClient(AuthService, transport({ baseUrl: app.url, interceptors: [noteId] }));
    try {
      await client.login({ identifier: "ada", password });
      return id;
    } catch (error) {
      return ConnectError.from(error).metadata.get("x-request-id") ?? "";
    }
  }

  it("a request that succeeds is one line, under the id that its answer carries", async () => {
    const id = await logInBy(passwordOf("ada"));
    expect(id).toMatch(/^req_[0-9a-f-]{36}$/);
    expect(await lineOf(id)).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      event: "request",
      id,
      rpc: "sallyport.auth.v1.AuthService/Login",
      protocol: expect.stringMatching(/^(connect|grpc|grpc-web)$/),
      code: "OK",
      reason: null,
      duration_ms: expect.any(Number),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      subject: null,
    });
  });

  it("a request that is refused is one line with the reason, under the id that its answer carries", async () => {
    const id = await logInBy("not the password");
    expect(await lineOf(id)).toMatchObject({
      event: "request",
      rpc: "sallyport.auth.v1.AuthService/Login",
      code: "UNAUTHENTICATED",
      reason: "CREDENTIALS_INVALID",
      duration_ms: expect.any(Number),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
  });

  it("a request out of bounds is one line", async () => {
    const id = await logInBy("");
    expect(await lineOf(id)).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
  });
});

describe("The line of a request", () => {
  it("names who called, once that is known", async () => {
    const { account, userId } = await welcome(app, "bea");
    await account.getAccount({});
    const isGetAccount = ({ rpc }: Line) => rpc === "sallyport.auth.v1.AccountService/GetAccount";
    await eventually(() => app.logged().find(isGetAccount)).toMatchObject({ subject: userId, code: "OK" });
  });

  it("is there for a request that never became a message", async () => {
    const answer = await fetch(`${app.url}/sallyport.auth.v1.AuthService/Login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    });
    expect(answer.status).toBe(400);
    const id = answer.headers.get("x-request-id") ?? "";
    expect(await lineOf(id)).toMatchObject({ rpc: "sallyport.auth.v1.AuthService/Login", code: "INVALID_ARGUMENT" });
  });
});

describe("A security event", () => {
  /** What is said while something happens, and only then. */
  async function saidDuring(work: () => Promise<unknown>): Promise<readonly Line[]> {
    const before = app.logged().length;
    await work();
    const lines = app.logged().slice(before);
    return lines.filter(({ msg }) => msg === "security event");
  }

  /** What is stored of an event: the rows that came last. */
  const storedKinds = (since: string) =>
    app.beside(({ store }) =>
      store.read(async (db) => {
        const rows = await db.selectFrom("audit_events").select("kind").where("id", ">", since).orderBy("id").execute();
        return rows.map(({ kind }) => kind);
      }),
    );
  const newest = () =>
    app.beside(({ store }) =>
      store.read(
        async (db) => (await db.selectFrom("audit_events").select("id").orderBy("id", "desc").execute())[0]?.id ?? "",
      ),
    );

  it("is one line for each: signup, login, refused login, logout", async () => {
    const since = await newest();
    const { auth } = clientsOf(app.url);
    const lines = await saidDuring(async () => {
      const { tokens } = await welcome(app, "cyd");
      await refusalOf(auth.login({ identifier: "cyd", password: "not the password" }));
      await refusalOf(auth.login({ identifier: "nobody", password: "not the password" }));
      await auth.logout({ refreshToken: tokens.refreshToken });
    });
    const kinds = ["user_created", "login", "login_refused", "login_refused", "logout"];
    expect(lines.map(({ event }) => event)).toEqual(kinds);
    expect(lines[1]).toMatchObject({ user_id: lines[0]?.user_id, session_id: expect.stringMatching(/^ses_/) });
    expect(lines.map(({ user_id }) => user_id === null)).toEqual([false, false, false, true, false]);
    expect(await storedKinds(since)).toEqual(kinds);
  });

  it("tells each case of a refresh by its own name, and the theft as a warning", async () => {
    const since = await newest();
    const { auth, tokens } = await welcome(app, "dot");
    const first = tokens.refreshToken;
    const lines = await saidDuring(async () => {
      const second = await auth.refresh({ refreshToken: first });
      await auth.refresh({ refreshToken: first });
      await auth.refresh({ refreshToken: second.refreshToken });
      await refusalOf(auth.refresh({ refreshToken: first }));
      app.clock.advance(GRACE_MS);
      await refusalOf(auth.refresh({ refreshToken: first }));
    });
    expect(lines.map(({ event, level }) => [event, level])).toEqual([
      ["refresh_rotated", "info"],
      ["refresh_repeated", "info"],
      ["refresh_rotated", "info"],
      ["refresh_superseded", "info"],
      ["refresh_reused", "warn"],
    ]);
    expect(lines[4]).toMatchObject({
      session_id: tokens.sessionId,
      presented_generation: 1,
      current_generation: 3,
    });
    // Rotations are said, but too many to store.
    expect(await storedKinds(since)).toEqual(["user_created", "login", "refresh_superseded", "refresh_reused"]);
  });

  it("names who did it, of changes of roles", async () => {
    const root = await welcomeAdmin(app);
    const eve = await welcome(app, "eve");
    const lines = await saidDuring(async () => {
      await root.admin.setRole({ name: "clerk", permissions: ["orders:read"] });
      await root.admin.setUserRoles({ userId: eve.userId, roles: ["clerk"] });
      await root.admin.setUserRoles({ userId: eve.userId, roles: [] });
      await root.admin.deleteRole({ name: "clerk" });
    });
    expect(lines).toMatchObject([
      { event: "role_set", actor: root.userId, role: "clerk", permissions: ["orders:read"] },
      { event: "roles_assigned", actor: root.userId, user_id: eve.userId, roles: ["clerk"] },
      { event: "roles_assigned", actor: root.userId, user_id: eve.userId, roles: [] },
      { event: "role_deleted", actor: root.userId, role: "clerk" },
    ]);
  });

  it("is not said of what did not happen", async () => {
    const fay = await welcome(app, "fay");
    const since = await newest();
    const lines = await saidDuring(async () => {
      await refusalOf(signUp(app, "fay"));
      await refusalOf(fay.admin.setRole({ name: "wizard", permissions: [] }));
      await refusalOf(fay.account.revokeSession({ sessionId: "ses_of_nobody" }));
      await refusalOf(fay.auth.refresh({ refreshToken: "nonsense" }));
    });
    expect([lines, await storedKinds(since)]).toEqual([[], []]);
  });

  it("is said once, of ending what is over", async () => {
    const { tokens, auth } = await logIn(app, "ada");
    const lines = await saidDuring(async () => {
      for (let time = 0; time < 3; time += 1) await auth.logout({ refreshToken: tokens.refreshToken });
    });
    expect(lines.map(({ event }) => event)).toEqual(["logout"]);
  });
});
