/** What every proxy must do that is set up as its example says. */
import { rmSync } from "node:fs";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../../support/app.ts";
import { addUser, workOn } from "../../support/folder.ts";
import { logIn, type Person } from "../../support/people.ts";
import { type ProxyKind, type RunningProxy, replaceThe, startApplication, startProxy } from "./proxy.ts";
import { startTarget, type Target } from "./target.ts";

const SETTINGS = { SALLYPORT_AUDIENCES: "sallyport,pages" };
const RULE = "any_role=editor,admin";
const IDENTITY = ["user-id", "username", "session-id", "roles", "auth-time", "expires-at"].map(
  (name) => `x-sallyport-${name}`,
);

type Expectations = {
  /** What clients get where the proxy's question cannot be answered, and where nobody answers it. */
  readonly misconfigured: number;
  readonly unreachable: number;
  /** Where the API key goes: into the environment or a file. */
  readonly holding: (apiKey: string) => { env?: Record<string, string>; files?: Record<string, string> };
};

type Sent = { readonly method?: string; readonly headers?: Record<string, string | string[]>; readonly body?: string };

/** Sends a request as it is told, so that headers may be repeated; status, headers and body of the answer. */
function send(url: string, authorization: string | null, { method = "GET", headers = {}, body = "" }: Sent = {}) {
  const all = { ...headers, ...(authorization !== null && { authorization }) };
  return new Promise<{ status: number; challenge: string; text: string }>((resolve, reject) => {
    const asked = request(url, { method, headers: all, agent: false }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode ?? 0, challenge: response.headers["www-authenticate"] ?? "", text });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** A server with an editor's superior and a plain user, both with tokens for `pages`. */
async function startRealm(settings: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder();
  const all = { ...SETTINGS, ...settings };
  await addUser(folder, "ada", ["admin"], all);
  await addUser(folder, "zoë", ["user"], all);
  const { apiKey } = await workOn(folder, ({ services }) => services.create("gate", [], null), all);
  const target = await startTarget({ ...all, SALLYPORT_DATA_DIR: folder });
  const people = await Promise.all([logIn(target, "ada", ["pages"]), logIn(target, "zoë", ["pages"])]);
  const [admin, user] = people;
  const close = () => target.close().finally(() => rmSync(folder, { recursive: true }));
  return { target: { ...target, close }, admin, user, apiKey };
}

const bearer = ({ tokens }: Person) => `Bearer ${tokens.accessToken}`;

/** Generates the tests of a proxy. */
export function describeProxy(kind: ProxyKind, { misconfigured, unreachable, holding }: Expectations): void {
  describe(`${kind.name} in front of a page`, () => {
    let target: Target;
    let admin: Person;
    let user: Person;
    let proxy: RunningProxy;
    let application: Awaited<ReturnType<typeof startApplication>>;
    beforeAll(async () => {
      ({ target, admin, user } = await startRealm());
      application = await startApplication();
      proxy = await startProxy(kind, { sallyport: target.address, application: application.address });
    });
    afterAll(async () => {
      await proxy.close();
      await application.close();
      await target.close();
    });

    it("shows it to whoever holds a role that the configuration names", async () => {
      const { status, text } = await send(proxy.url, bearer(admin));
      expect([status, text]).toEqual([200, expect.stringContaining("<h1>For editors</h1>")]);
    });

    it.each([
      ["no token", () => null, 401],
      ["a token that is made up", () => "Bearer made.up.token", 401],
      ["another scheme", () => "Basic YWRhOnBhc3N3b3Jk", 401],
      ["a refresh token", () => `Bearer ${admin.tokens.refreshToken}`, 401],
      ["a role that is missing", () => bearer(user), 403],
    ])("does not show it for %s", async (_what, authorization, wanted) => {
      const { status, challenge, text } = await send(proxy.url, authorization());
      expect(status).toBe(wanted);
      expect(text).not.toContain("For editors");
      if (wanted === 401) expect(challenge).toMatch(/^Bearer realm="sallyport"/);
    });

    it("does not show it for a token of another audience, nor after a logout, at once", async () => {
      const elsewhere = await logIn(target, "ada");
      expect((await send(proxy.url, bearer(elsewhere))).status).toBe(401);
      const leaver = await logIn(target, "ada", ["pages"]);
      expect((await send(proxy.url, bearer(leaver))).status).toBe(200);
      await leaver.auth.logout({ refreshToken: leaver.tokens.refreshToken });
      expect((await send(proxy.url, bearer(leaver))).status).toBe(401);
    });

    it("takes no token from anywhere else, and never one of two", async () => {
      const { accessToken } = admin.tokens;
      for (const headers of [
        { cookie: `access_token=${accessToken}` },
        { "x-forwarded-authorization": bearer(admin) },
        { "x-sallyport-access-token": accessToken },
      ] satisfies Record<string, string>[])
        expect((await send(proxy.url, null, { headers })).status).toBe(401);
      expect((await send(`${proxy.url}/?access_token=${accessToken}`, null)).status).toBe(401);
      const two = { authorization: [bearer(user), bearer(admin)] };
      expect([400, 401]).toContain((await send(proxy.url, null, { headers: two })).status);
    });

    it("asks for what the configuration says, whatever the client adds", async () => {
      const wishes = { "x-original-uri": "/?any_role=user", "x-forwarded-uri": "/?audience=pages&any_role=user" };
      for (const path of ["/?audience=pages&any_role=user", "/?audience=sallyport", "/index.html?max_auth_age=1s"])
        expect((await send(`${proxy.url}${path}`, bearer(user), { headers: wishes })).status).toBe(403);
      expect((await send(`${proxy.url}/?any_role=nobody`, bearer(admin))).status).toBe(200);
      for (const path of ["/_allowed", "/forward-auth?audience=pages"])
        expect([401, 404]).toContain((await send(`${proxy.url}${path}`, null)).status);
    });

    it("tells the application whom the token speaks for, and nothing that a client made up", async () => {
      const forged = Object.fromEntries(IDENTITY.map((name) => [name, ["forged", "again"]]));
      const underscored = {
        X_Sallyport_User_Id: "forged",
        "X_SALLYPORT-ROLES": "forged",
        "x-sallyport_roles": "forged",
      };
      const answer = await send(`${proxy.url}/app/`, bearer(admin), { headers: { ...forged, ...underscored } });
      expect(answer).toMatchObject({ status: 200, text: "the application" });
      const { headers, names } = application.arrived.at(-1) ?? { headers: {}, names: [] };
      expect(headers).toMatchObject({
        "x-sallyport-user-id": admin.userId,
        "x-sallyport-username": "ada",
        "x-sallyport-session-id": admin.tokens.sessionId,
        "x-sallyport-roles": "admin",
      });
      expect(JSON.stringify(headers)).not.toContain("forged");
      const like = names.map((name) => name.toLowerCase()).filter((name) => /^x[-_]sallyport/.test(name));
      expect(like.sort()).toEqual([...IDENTITY].sort());
      expect(headers.authorization).toBeUndefined();
    });

    it("lets nothing of a refused request through to the application, not even a preflight", async () => {
      const before = application.arrived.length;
      const headers = { origin: "https://pages.example", "access-control-request-method": "POST" };
      const forged = { "x-sallyport-user-id": "usr_1", "x-sallyport-roles": "admin" };
      expect((await send(`${proxy.url}/app/`, null, { method: "OPTIONS", headers })).status).toBe(401);
      expect((await send(`${proxy.url}/app/`, null, { headers: forged })).status).toBe(401);
      expect(
        (await send(`${proxy.url}/app/`, bearer(user), { method: "POST", body: "x", headers: forged })).status,
      ).toBe(403);
      expect(application.arrived).toHaveLength(before);
    });

    it("hands bodies to the application, and none to Sallyport", async () => {
      const body = "x".repeat(100_000);
      expect((await send(`${proxy.url}/app/`, bearer(admin), { method: "PUT", body })).status).toBe(200);
      expect(application.arrived.at(-1)).toMatchObject({ method: "PUT", body });
    });

    it("lets nobody in if the question is misspelt, and sends nobody to log in for it", async () => {
      const edit = (text: string) => replaceThe(RULE, "any_roles=editor,admin", text);
      const wrong = await startProxy(kind, { sallyport: target.address, application: application.address, edit });
      onTestFinished(() => wrong.close());
      for (const authorization of [bearer(admin), bearer(user), null]) {
        const { status, challenge } = await send(wrong.url, authorization);
        expect([status, challenge]).toEqual([misconfigured, ""]);
      }
    });
  });

  describe(`${kind.name} where Authorize is left to services`, () => {
    it("needs an API key of its own: its clients' do not count", async () => {
      const { target, admin, user, apiKey } = await startRealm({ SALLYPORT_AUTHORIZE_CALLERS: "services" });
      onTestFinished(() => target.close());
      const application = await startApplication();
      onTestFinished(() => application.close());
      const places = { sallyport: target.address, application: application.address };
      const [keyless, keeping] = await Promise.all([
        startProxy(kind, places),
        startProxy(kind, { ...places, ...holding(apiKey) }),
      ]);
      onTestFinished(() => keyless.close());
      onTestFinished(() => keeping.close());
      const headers = { "x-sallyport-api-key": apiKey };
      const statuses = async ({ url }: RunningProxy, sent: Sent) =>
        Promise.all([bearer(admin), bearer(user), null].map(async (token) => (await send(url, token, sent)).status));
      expect(await statuses(keyless, {})).toEqual(Array(3).fill(misconfigured));
      expect(await statuses(keyless, { headers })).toEqual(Array(3).fill(misconfigured));
      expect(await statuses(keeping, {})).toEqual([200, 403, 401]);
      expect(await statuses(keeping, { headers: { "x-sallyport-api-key": "mine" } })).toEqual([200, 403, 401]);
    });
  });

  describe(`${kind.name} without Sallyport`, () => {
    it("lets nobody in, and sends nobody to log in", async () => {
      const { target, admin } = await startRealm();
      const application = await startApplication();
      onTestFinished(() => application.close());
      const proxy = await startProxy(kind, { sallyport: target.address, application: application.address });
      onTestFinished(() => proxy.close());
      expect((await send(proxy.url, bearer(admin))).status).toBe(200);
      await target.close();
      for (const authorization of [bearer(admin), null]) {
        const { status, challenge } = await send(proxy.url, authorization);
        expect([status, challenge]).toEqual([unreachable, ""]);
      }
    });
  });
}
