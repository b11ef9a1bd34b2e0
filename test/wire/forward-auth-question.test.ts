/** What a proxy may ask: read without mercy, and out of its own configuration alone. */

import { connect as http2Connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { askForward } from "../support/forward-auth.ts";
import { welcome } from "../support/people.ts";
import { ask2, rawConnection } from "../support/wire-raw.ts";
import { until } from "../support/wire-server.ts";

/** Lets a client repeat what should be said once. */
const LENIENT = { maxSettings: 32, strictSingleValueFields: false };
const ORIGIN = "https://pages.example";

let app: TestApp;
let token: string;
/** Of somebody with the role `user` and tokens for `orders`. */
let bearer: string;

beforeAll(async () => {
  app = await startApp({ settings: { SALLYPORT_ALLOWED_ORIGINS: ORIGIN } });
  token = (await welcome(app, "wanda", ["orders"])).tokens.accessToken;
  bearer = `Bearer ${token}`;
});
afterAll(() => app.close());

describe("A question", () => {
  it.each([
    "audience=orders",
    "audience=orders&any_role=user",
    "any_role=admin,user&audience=orders",
    "audience=orders&any_role=admin%2Cuser",
    "audience=%6Frders&max_auth_age=0.5s",
    `audience=orders&any_role=${Array.from({ length: 31 }, (_, index) => `r${index}`)},user`,
  ])("is answered: %s", async (query) => {
    expect((await askForward(app, query, bearer)).status).toBe(200);
  });

  it.each([
    ["that is empty", "", "audience must be stated"],
    ["without an audience", "any_role=user", "audience must be stated"],
    ["for an audience that is not in the settings", "audience=static", "audience is none of"],
    ["for an audience in other letters", "audience=Orders", "audience is none of"],
    ["for two audiences", "audience=orders,billing", "audience is none of"],
    ["with an audience twice", "audience=orders&audience=orders", "audience is there twice"],
    ["with roles twice", "audience=orders&any_role=admin&any_role=user", "any_role is there twice"],
    ["with a name that is misspelt", "audience=orders&any_roles=admin", "there is no parameter any_roles"],
    ["with a name in other letters", "audience=orders&Any_role=admin", "there is no parameter"],
    ["with a name that is encoded", "audience=orders&any%5Frole=admin", "there is no parameter"],
    ["with a name as JSON has it", "audience=orders&anyRole=admin", "there is no parameter"],
    ["with brackets", "audience=orders&any_role[]=admin", "there is no parameter"],
    ["with a name alone", "audience=orders&any_role", "any_role cannot be read"],
    ["with two equals signs", "audience=orders&any_role=user=admin", "any_role cannot be read"],
    ["with roles left empty, as by a variable that is not set", "audience=orders&any_role=", 'any_role has ""'],
    ["with permissions left empty", "audience=orders&all_permissions=", 'all_permissions has ""'],
    ["with an empty role among others", "audience=orders&any_role=user,,admin", 'any_role has ""'],
    ["with a space after the comma", "audience=orders&any_role=admin,%20user", 'any_role has " user"'],
    ["with a plus for a space", "audience=orders&any_role=admin,+user", 'any_role has "+user"'],
    ["with a semicolon between", "audience=orders;any_role=user", "audience cannot be read"],
    ["with a role in capitals", "audience=orders&any_role=User", 'any_role has "User"'],
    ["with any role", "audience=orders&any_role=*", 'any_role has "*"'],
    ["with the same role again", "audience=orders&any_role=user,user", "any_role has user twice"],
    [
      "with too many roles",
      `audience=orders&any_role=user,${"abcdefghijklmnopqrstuvwxyz123456".split("")}`,
      "any_role",
    ],
    ["with a role that is too long", `audience=orders&any_role=${"a".repeat(65)}`, "which nobody can hold"],
    ["with a permission for all", "audience=orders&all_permissions=*", 'all_permissions has "*"'],
    ["with bytes that are no UTF-8", "audience=orders&any_role=%ff", "any_role cannot be read"],
    ["with half a code", "audience=orders&any_role=user%2", "any_role cannot be read"],
    ["with an ampersand too many", "audience=orders&", "there is no parameter"],
    ["with another question mark", "audience=orders?any_role=user", "audience cannot be read"],
    ["with an age that is left empty", "audience=orders&max_auth_age=", "max_auth_age must be in seconds"],
    ["with an age without a unit", "audience=orders&max_auth_age=300", "max_auth_age must be in seconds"],
    ["with an age in minutes", "audience=orders&max_auth_age=5m", "max_auth_age must be in seconds"],
    ["with an age below zero", "audience=orders&max_auth_age=-5s", "max_auth_age must be in seconds"],
    ["with an age of nothing", "audience=orders&max_auth_age=0s", "max_auth_age is not above zero"],
    ["with an age beyond bounds", "audience=orders&max_auth_age=99999999999s", "max_auth_age must be in seconds"],
  ])("%s is refused, and says why: the operator is to notice", async (_how, query, why) => {
    const { status, headers, told } = await askForward(app, query, bearer);
    expect(status).toBe(400);
    expect(told).toMatchObject({ code: "invalid_argument", reason: "ERROR_REASON_REQUEST_INVALID" });
    expect(told?.message).toContain(why);
    expect(headers["www-authenticate"]).toBeUndefined();
    expect(headers["cache-control"]).toBe("no-store");
  });

  it("is wrong for everybody alike, before any token is looked at", async () => {
    for (const authorization of [null, "Bearer a.b.c", "Basic x", bearer])
      expect((await askForward(app, "any_role=user", authorization)).status).toBe(400);
  });

  it.each(["/forward-auth/?audience=orders", "/Forward-Auth?audience=orders", "//forward-auth?audience=orders"])(
    "to another path is 404, which no proxy takes for leave: %s",
    async (path) => {
      expect((await fetch(`${app.url}${path}`, { headers: { authorization: bearer } })).status).toBe(404);
    },
  );
});

describe("The client behind a proxy", () => {
  it.each(["access_token", "ACCESS_TOKEN", "token", "authorization"])(
    "is refused with a token in the URL as %s, with or without another",
    async (name) => {
      for (const authorization of [null, bearer]) {
        const { status, told } = await askForward(app, `audience=orders&${name}=${token}`, authorization);
        expect(status).toBe(400);
        expect(JSON.stringify(told)).not.toContain(token.slice(0, 20));
      }
    },
  );

  it.each([
    "cookie",
    "x-access-token",
    "x-forwarded-authorization",
    "proxy-authorization",
    "x-sallyport-access-token",
    "sec-websocket-protocol",
  ])("is not known by a token in %s", async (name) => {
    const headers = { [name]: name === "cookie" ? `access_token=${token}; authorization=${bearer}` : bearer };
    expect((await askForward(app, "audience=orders", null, { headers })).status).toBe(401);
  });

  it("is not known by a token in the body, which nobody waits for", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": "1000000" };
    const { socket, received } = await rawConnection(app.port);
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`POST /forward-auth?audience=orders HTTP/1.1\r\nHost: a\r\n${head.join("")}\r\naccess_token=${token}`);
    await until(() => received().includes("TOKEN_MISSING"), "an answer");
    expect(received().toString()).toMatch(/^HTTP\/1\.1 401 /);
  });

  it.each([
    ["x-original-uri", "/?audience=sallyport&any_role=user"],
    ["x-original-url", "https://a.example/?any_role=user"],
    ["x-original-method", "OPTIONS"],
    ["x-forwarded-uri", "/?audience=sallyport&any_role=user"],
    ["x-forwarded-method", "OPTIONS"],
    ["x-forwarded-host", "pages.example"],
    ["x-forwarded-for", "127.0.0.1"],
    ["x-http-method-override", "OPTIONS"],
    ["x-rewrite-url", "/healthz"],
    ["x-sallyport-any-role", "user"],
    ["x-sallyport-audience", "orders"],
    ["x-sallyport-user-id", "usr_1"],
    ["x-sallyport-api-key", "sallyport_svk_x"],
    ["forwarded", "for=127.0.0.1;host=pages.example"],
  ])("changes nothing by %s", async (name, value) => {
    const verdict = async (query: string, authorization: string | null) => {
      const plain = await askForward(app, query, authorization);
      const tried = await askForward(app, query, authorization, { headers: { [name]: value } });
      const { "x-request-id": _own, date: _now, ...headers } = plain.headers;
      expect(tried).toMatchObject({ status: plain.status, told: plain.told, headers });
      return tried.status;
    };
    expect(await verdict("audience=orders&any_role=admin", bearer)).toBe(403);
    expect(await verdict("audience=billing", bearer)).toBe(401);
    expect(await verdict("audience=orders", null)).toBe(401);
    expect(await verdict("any_role=user", bearer)).toBe(400);
  });

  it("is refused with two authorization headers, equal or not, on HTTP/1.1", async () => {
    for (const second of [bearer, "Bearer a.b.c", ""]) {
      const { socket, received } = await rawConnection(app.port);
      const head = "GET /forward-auth?audience=orders HTTP/1.1\r\nHost: a\r\n";
      socket.write(`${head}Authorization: ${bearer}\r\nAUTHORIZATION: ${second}\r\n\r\n`);
      await until(() => received().includes("\r\n\r\n{"), "an answer");
      expect(received().toString()).toMatch(/^HTTP\/1\.1 401 .*AUTHORIZATION_MALFORMED/s);
    }
  });

  it("is refused with two authorization headers on HTTP/2", async () => {
    const session = http2Connect(app.url, LENIENT);
    onTestFinished(() => session.destroy());
    const asked = { path: "/forward-auth?audience=orders", headers: { authorization: [bearer, bearer] } };
    const { status, body } = await ask2(app.port, asked, session);
    expect([status, JSON.parse(body.toString()).reason]).toEqual([401, "ERROR_REASON_AUTHORIZATION_MALFORMED"]);
  });

  it("is not let through by what looks like a preflight, where a proxy keeps its client's method", async () => {
    const preflight = { origin: ORIGIN, "access-control-request-method": "GET" };
    const ask = (authorization: string | null) =>
      askForward(app, "audience=orders", authorization, { method: "OPTIONS", headers: preflight });
    expect((await ask(null)).status).toBe(401);
    const { status, headers } = await ask(bearer);
    expect(status).toBe(200);
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
  });

  it("gets no other answer for an upgrade, a range, a condition or a content type of gRPC", async () => {
    for (const headers of [
      { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" },
      { range: "bytes=0-0" },
      { "if-none-match": "*" },
      { "content-type": "application/grpc", te: "trailers" },
      { expect: "100-continue" },
    ] satisfies Record<string, string>[]) {
      for (const method of ["GET", "POST"]) {
        expect((await askForward(app, "audience=orders", null, { method, headers })).status).toBe(401);
        expect((await askForward(app, "audience=orders", bearer, { method, headers })).status).toBe(200);
      }
    }
  });
});

describe("A query that the proxy took from its client", () => {
  const ask = (query: string, headers: Record<string, string | string[]>) =>
    askForward(app, query, bearer, { headers });

  it.each([
    ["as it is", "audience=orders", "/page?audience=orders"],
    ["in other words", "audience=orders&any_role=user", "/page?any_role=%75ser&audience=order%73"],
    ["without what the proxy could not read", "audience=orders", "/page?audience=orders&x=%zz&a;b"],
    ["from among others", "audience=orders", "/page?lang=de&audience=orders&audience=billing"],
    ["for the default audience", "audience=", "/?audience="],
    ["with a host", "audience=orders", "https://pages.example/?audience=orders"],
  ])("is refused: %s", async (_how, query, uri) => {
    for (const name of ["x-forwarded-uri", "x-original-uri", "x-original-url"]) {
      const { status, told } = await ask(query, { [name]: uri });
      expect([status, told?.reason]).toEqual([400, "ERROR_REASON_REQUEST_INVALID"]);
      expect(told?.message).toContain("this query is the client's own");
    }
  });

  it.each([
    ["has none", "/page"],
    ["has another", "/page?lang=de&any_role=user"],
    ["has only a part of it", "/page?audience=orders"],
    ["asks for another role", "/page?audience=orders&any_role=admin"],
    ["has it in its path", "/audience=orders&any_role=user"],
  ])("is none where the client's URL %s", async (_what, uri) => {
    expect((await ask("audience=orders&any_role=user", { "x-forwarded-uri": uri })).status).toBe(200);
    const refused = await ask("audience=orders&any_role=admin,editor", { "x-forwarded-uri": uri });
    expect(refused.status).toBe(403);
  });
});
