/** What stands in a URL is no call, no token, and in no log; and two credentials are none, whatever the RPC. */
import { connect } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { eventually } from "../support/eventually.ts";
import { METHODS } from "../support/methods.ts";
import { type Person, welcome, welcomeAdmin } from "../support/people.ts";
import { SERVED_METHODS, type ServedMethod } from "../support/served-methods.ts";
import { validMessage } from "../support/violations.ts";
import { ask1, ask2, envelope, rawConnection, VERSIONS } from "../support/wire-raw.ts";

/** Lets an HTTP/2 client repeat what should be said once. */
const LENIENT = { maxSettings: 32, strictSingleValueFields: false };

let app: TestApp;
let admin: Person;

beforeAll(async () => {
  app = await startApp();
  admin = await welcomeAdmin(app);
});
afterAll(() => app.close());

const bearer = () => `Bearer ${admin.tokens.accessToken}`;
const streams = SERVED_METHODS.filter(({ method }) => method.methodKind !== "unary");

/** The least that every method takes, as Connect puts it into a URL: in JSON and in binary. */
function queriesFor({ method }: ServedMethod): readonly string[] {
  const binary = Buffer.from(toBinary(method.input, validMessage(method.input).message)).toString("base64url");
  const base64 = new URLSearchParams({ encoding: "proto", base64: "1", connect: "v1", message: binary });
  const json = new URLSearchParams({ encoding: "json", connect: "v1", message: "{}" });
  return [`${json}`, `${base64}`, ""];
}

describe.each(VERSIONS)("Over %s", (_version, ask) => {
  it.each(SERVED_METHODS)("a GET of $path is refused, with a token and without", async (served) => {
    for (const query of queriesFor(served)) {
      for (const headers of [
        {},
        { authorization: bearer() },
        { authorization: bearer(), "content-type": "application/json" },
      ]) {
        for (const method of ["GET", "HEAD"]) {
          const answer = await ask(app.port, { method, path: `${served.path}?${query}`, headers });
          expect([method, query, answer.status, answer.headers.allow]).toEqual([method, query, 405, "POST"]);
        }
      }
    }
  });

  it.each(METHODS.filter(({ rule }) => !rule.public))(
    "a token in the URL opens nothing at $name",
    async ({ method }) => {
      const path = `/${method.parent.typeName}/${method.name}`;
      const { accessToken } = admin.tokens;
      const places: Record<string, string>[] = [
        { access_token: accessToken },
        { token: accessToken },
        { authorization: `Bearer ${accessToken}` },
        { Authorization: `Bearer ${accessToken}` },
        { api_key: accessToken },
        { bearer: accessToken },
        { message: `{"accessToken":"${accessToken}"}`, encoding: "json", connect: "v1" },
      ];
      for (const place of places) {
        const headers = { "content-type": "application/json" };
        const answer = await ask(app.port, {
          method: "POST",
          path: `${path}?${new URLSearchParams(place)}`,
          headers,
          body: "{}",
        });
        expect([answer.status, reasonIn(answer.body)]).toEqual([401, "ERROR_REASON_TOKEN_MISSING"]);
      }
    },
  );
});

/** The reason that a refusal in Connect's JSON carries. */
function reasonIn(body: Buffer): string | undefined {
  const { details = [] }: { details?: { debug?: { reason?: string } }[] } = JSON.parse(body.toString());
  return details.find(({ debug }) => debug?.reason !== undefined)?.debug?.reason;
}

describe("A token in the URL", () => {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
  const pathOf = ({ name }: { name: string }) => `/${AuthService.typeName}/${name}`;

  it("is no question to Authorize, and no session to Logout or Refresh", async () => {
    const { tokens, account } = await welcome(app, "grace");
    const both = new URLSearchParams({ access_token: tokens.accessToken, refresh_token: tokens.refreshToken });
    for (const ask of [ask1, ask2]) {
      const asked = await ask(app.port, { ...post, path: `${pathOf(AuthService.method.authorize)}?${both}` });
      expect(JSON.parse(asked.body.toString())).toMatchObject({ denied: { reason: "DENIAL_REASON_TOKEN_MISSING" } });
      const out = await ask(app.port, { ...post, path: `${pathOf(AuthService.method.logout)}?${both}` });
      expect([out.status, reasonIn(out.body)]).toEqual([401, "ERROR_REASON_TOKEN_MISSING"]);
      const fresh = await ask(app.port, { ...post, path: `${pathOf(AuthService.method.refresh)}?${both}` });
      expect([fresh.status, reasonIn(fresh.body)]).toEqual([400, "ERROR_REASON_REQUEST_INVALID"]);
    }
    expect((await account.getAccount({})).user?.username).toBe("grace");
  });

  it("opens nothing from a form or a cookie either", async () => {
    const { accessToken } = admin.tokens;
    const path = "/sallyport.auth.v1.AccountService/GetAccount";
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const posted = await ask1(app.port, { method: "POST", path, headers: form, body: `access_token=${accessToken}` });
    expect(posted.status).toBe(415);
    const cookie = `access_token=${accessToken}; authorization=${accessToken}`;
    const sent = await ask1(app.port, { ...post, path, headers: { ...post.headers, cookie } });
    expect([sent.status, reasonIn(sent.body)]).toEqual([401, "ERROR_REASON_TOKEN_MISSING"]);
  });

  it("is told to no log, whatever the path and the method", async () => {
    const canary = "canary-in-the-url";
    const paths = [
      ...SERVED_METHODS.map(({ path }) => path),
      "/",
      "/healthz",
      "/.well-known/jwks.json",
      "/nowhere",
      "/a/b",
    ];
    const ids: unknown[] = [];
    for (const path of paths) {
      for (const ask of [ask1, ask2]) {
        for (const sent of [{}, post]) {
          const query = `access_token=${canary}&message=${canary}#${canary}`;
          const { headers } = await ask(app.port, { ...sent, path: `${path}?${query}` });
          ids.push(headers["x-request-id"]);
        }
      }
    }
    const isTold = (id: unknown) => typeof id === "string" && app.logText().includes(id);
    await eventually(() => ids.filter((id) => !isTold(id))).toEqual([]);
    expect(app.logText()).not.toContain(canary);
    expect(app.logText()).not.toContain(admin.tokens.accessToken);
  });
});

describe("Two authorization headers", () => {
  const TYPES = [
    "application/connect+json",
    "application/connect+proto",
    "application/grpc-web+proto",
    "application/grpc",
  ];
  const MALFORMED = Buffer.from("ERROR_REASON_AUTHORIZATION_MALFORMED");
  /** What the protocols make of it: as it is, or base64 from any of three places. */
  const FORMS = [0, 1, 2].map((skipped) =>
    Buffer.concat([Buffer.alloc(skipped), MALFORMED])
      .toString("base64")
      .slice(4, -4),
  );
  const isTold = (text: string) => text.includes(`${MALFORMED}`) || FORMS.some((form) => text.includes(form));

  describe.each(streams)("are refused at the stream $path", ({ path, method }) => {
    it.each(TYPES)("in %s", async (contentType) => {
      const isJson = contentType.endsWith("json");
      const body = envelope(isJson ? Buffer.from("{}") : toBinary(method.input, create(method.input)));
      const authorization = [bearer(), bearer()];
      const asked = {
        method: "POST",
        path,
        headers: { "content-type": contentType, te: "trailers", authorization },
        body,
      };
      const session = connect(app.url, LENIENT);
      onTestFinished(() => session.destroy());
      const answers = [await ask2(app.port, asked, session)];
      if (method.methodKind === "server_streaming") answers.push(await ask1(app.port, asked));
      for (const { headers, trailers, body: told } of answers) {
        expect(isTold([JSON.stringify({ ...headers, ...trailers }), told.toString("latin1")].join("\n"))).toBe(true);
      }
    });
  });

  it.each(SERVED_METHODS)("are refused at $path over HTTP/1.1, however they are spelt", async ({ path, method }) => {
    const { socket, received, closed } = await rawConnection(app.port);
    const isUnary = method.methodKind === "unary";
    const body = isUnary ? Buffer.from("{}") : envelope(Buffer.from("{}"));
    const type = isUnary ? "application/json" : "application/connect+json";
    const head = [
      `POST ${path} HTTP/1.1`,
      "Host: a",
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      "Connection: close",
      `Authorization: ${bearer()}`,
      "X-Between: a",
      `aUTHORIZATION: ${bearer()}`,
    ];
    socket.write(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
    await closed;
    expect(received().toString()).toMatch(/invalid_argument|HTTP\/1.1 505/);
    expect(received().toString()).not.toMatch(/"(?:user|status|denied|granted)"/);
  });
});
