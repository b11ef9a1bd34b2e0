import { connect } from "node:http2";
import { create, type DescMethod } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { servicesOfContract } from "../support/contract.ts";
import { expectNoFault } from "../support/decisions.ts";
import { welcome } from "../support/people.ts";
import { callRaw, encoded, RAW_FORMS, type RawForm } from "../support/raw-calls.ts";
import { ask2 } from "../support/wire-raw.ts";

const { getAccount } = AccountService.method;
const { authorize } = AuthService.method;
const methods = (await servicesOfContract())
  .flatMap((service) => service.methods)
  .filter(({ methodKind }) => methodKind === "unary");
/** Lets an HTTP/2 client repeat what should be said once. */
const LENIENT = { maxSettings: 32, strictSingleValueFields: false };
const [JSON_OVER_1, GRPC] = ["Connect JSON over HTTP/1.1", "gRPC over HTTP/2"].map(formNamed);

let app: TestApp;
let token: string;

beforeAll(async () => {
  app = await startApp();
  token = (await welcome(app, "wanda")).tokens.accessToken;
});
afterAll(() => app.close());
afterEach(() => expectNoFault(app));

function formNamed(wanted: string): RawForm {
  const form = RAW_FORMS.find(({ name }) => name === wanted);
  if (form === undefined) throw new Error(`there is no form ${wanted}`);
  return form;
}

/** Calls with an empty message and every one of these `authorization` headers: status code, reason and the rest. */
async function call(form: RawForm | undefined, method: DescMethod, ...authorization: string[]): Promise<string> {
  if (form === undefined) throw new Error("no form");
  const session = form.ask === ask2 ? connect(app.url, LENIENT) : null;
  if (session !== null) onTestFinished(() => session.destroy());
  const ask: RawForm["ask"] = (port, { headers, ...asked }) => {
    const all = { ...asked, headers: { ...headers, ...(authorization.length > 0 && { authorization }) } };
    return session === null ? form.ask(port, all) : ask2(port, all, session);
  };
  const answer = await callRaw(app.port, { ...form, ask }, method, encoded(form, method, create(method.input)));
  return [answer.code, ...reasonsIn(answer)].join(" ");
}

/** The reasons of ours in an answer, wherever the protocol puts them: they are letters inside base64 inside of it. */
function reasonsIn({ headers, trailers, body }: { headers: object; trailers: object; body: Buffer }): string[] {
  const text = [JSON.stringify(headers), JSON.stringify(trailers), body.toString("latin1")].join("\n");
  const decoded = (text.match(/[\w+/-]{16,}/g) ?? []).map((match) => Buffer.from(match, "base64").toString("latin1"));
  const reasons = [text, ...decoded].flatMap((part) => part.match(/(?<=ERROR_REASON_)[A-Z_]+/g) ?? []);
  return [...new Set(reasons)];
}

const MALFORMED = "InvalidArgument AUTHORIZATION_MALFORMED";

describe.each(RAW_FORMS)("Over $name", (form) => {
  it("one good header opens a guarded RPC", async () => {
    expect(await call(form, getAccount, `Bearer ${token}`)).toBe("OK");
  });

  it("no header is TOKEN_MISSING at a guarded RPC", async () => {
    expect(await call(form, getAccount)).toBe("Unauthenticated TOKEN_MISSING");
  });

  it.each(methods.map((method) => [`${method.parent.name}.${method.name}`, method] as const))(
    "two headers are refused at %s, equal, different, good, bad or empty",
    async (_name, method) => {
      expect(await call(form, method, `Bearer ${token}`, `Bearer ${token}`)).toBe(MALFORMED);
      expect(await call(form, method, `Bearer ${token}`, "Basic d2FuZGE6")).toBe(MALFORMED);
      expect(await call(form, method, "", `Bearer ${token}`)).toBe(MALFORMED);
    },
  );
});

describe("Two headers are refused", () => {
  it.each([Health.method.check, Health.method.list])("at Health.$name", async (method) => {
    expect(await call(JSON_OVER_1, method, "Bearer a", "Bearer a")).toBe(MALFORMED);
    expect(await call(GRPC, method, "Bearer a", "Bearer a")).toBe(MALFORMED);
  });

  it.each([Health.method.watch, ServerReflection.method.serverReflectionInfo])(
    "at the stream $name",
    async (method) => {
      expect(await call(GRPC, method, "Bearer a", "Bearer b")).toBe(MALFORMED);
    },
  );

  it("even a hundred of them", async () => {
    expect(await call(GRPC, getAccount, ...Array<string>(100).fill(`Bearer ${token.slice(0, 100)}`))).toBe(MALFORMED);
  });
});

describe.each([JSON_OVER_1, formNamed("Connect JSON over HTTP/2"), GRPC])("Over $name one header", (form) => {
  it.each([
    ["empty", () => ""],
    ["of the scheme alone", () => "Bearer"],
    ["of the token alone", () => token],
    ["of the scheme Basic", () => `Basic ${Buffer.from("wanda:password").toString("base64")}`],
    ["of the scheme Basic, over a token", () => `Basic ${token}`],
    ["of the scheme Token", () => `Token ${token}`],
    ["of the scheme DPoP", () => `DPoP ${token}`],
    ["without a space", () => `Bearer${token}`],
    ["with a colon", () => `Bearer: ${token}`],
    ["with a tab for a space", () => `Bearer\t${token}`],
    ["with a space inside of the token", () => `Bearer ${token.replace(".", ". ")}`],
    ["with a no-break space behind it", () => `Bearer ${token}\u00a0`],
    ["with a no-break space for a space", () => `Bearer\u00a0${token}`],
    ["with a no-break space before it", () => `\u00a0Bearer ${token}`],
    ["with two values", () => `Bearer ${token}, Bearer ${token}`],
    ["with two values of which one is empty", () => `Bearer ${token},`],
    ["in quotes", () => `Bearer "${token}"`],
    ["with a parameter", () => `Bearer token=${token}, realm=a`],
    ["with a letter that no token has", () => `Bearer ${token.slice(0, -1)}\u00fc`],
    ["with padding in the middle", () => `Bearer =${token}`],
  ])("%s is malformed, at a guarded RPC and at a public one", async (_name, value) => {
    expect(await call(form, getAccount, value())).toBe(MALFORMED);
    expect(await call(form, authorize, value())).toBe(MALFORMED);
  });

  it.each([
    ["with the scheme in lower case", () => `bearer ${token}`],
    ["with the scheme in upper case", () => `BEARER ${token}`],
    ["with more spaces than one", () => `Bearer    ${token}`],
  ])("%s is good", async (_name, value) => {
    expect(await call(form, getAccount, value())).toBe("OK");
  });

  it("that is no token of ours is TOKEN_INVALID at a guarded RPC, and no matter at a public one", async () => {
    for (const value of ["Bearer a", "Bearer a.b.c", `Bearer ${token}=`, `Bearer ${token}.`]) {
      expect(await call(form, getAccount, value), value).toBe("Unauthenticated TOKEN_INVALID");
      expect(await call(form, authorize, value), value).toBe("OK");
    }
  });

  it("is refused above 8 KiB of token, whatever is in it, and judged up to there", async () => {
    for (const method of [getAccount, authorize]) {
      expect(await call(form, method, `Bearer ${"a".repeat(8193)}`)).toBe("InvalidArgument REQUEST_INVALID");
      expect(await call(form, method, `Bearer ${".".repeat(8193)}`)).toBe("InvalidArgument REQUEST_INVALID");
    }
    expect(await call(form, getAccount, `Bearer ${"a".repeat(8192)}`)).toBe("Unauthenticated TOKEN_INVALID");
    expect(await call(form, authorize, `Bearer ${"a".repeat(8192)}`)).toBe("OK");
  });
});
