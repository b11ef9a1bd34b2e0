import { create, type DescField, ScalarType, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { expectNoFault } from "../support/decisions.ts";
import { METHODS, type Method } from "../support/methods.ts";
import { passwordOf, welcomeAdmin } from "../support/people.ts";
import { callRaw, connectionFor, RAW_FORMS, type RawForm } from "../support/raw-calls.ts";
import { refusalOf } from "../support/refusals.ts";

const JSON_FORMS = RAW_FORMS.filter(({ isJson }) => isJson);
const BINARY_FORMS = RAW_FORMS.filter(({ isJson }) => !isJson);

let app: TestApp;
let authorization: string;

beforeAll(async () => {
  app = await startApp();
  authorization = `Bearer ${(await welcomeAdmin(app)).tokens.accessToken}`;
});
afterAll(() => {
  expectNoFault(app);
  return app.close();
});

type Connection = ReturnType<typeof connectionFor>;

async function codeOf(form: RawForm, method: Method, body: Uint8Array | string, over?: Connection): Promise<string> {
  const headers: Record<string, string> = method.parent === AuthService ? {} : { authorization };
  return (await callRaw(app.port, form, method, Buffer.from(body), headers, over)).code;
}

/** Those of the bodies that are not refused as malformed, for all methods. */
async function taken(form: RawForm, bodies: (method: Method) => readonly (Uint8Array | string)[]): Promise<string[]> {
  const found: string[] = [];
  const over = connectionFor(app.port, form);
  for (const { name, method } of METHODS) {
    for (const body of bodies(method)) {
      const code = await codeOf(form, method, body, over);
      if (code !== "InvalidArgument")
        found.push(`${name} ${Buffer.from(body).toString("latin1").slice(0, 80)}: ${code}`);
    }
  }
  return found;
}

const WRONG_JSON: Readonly<Record<string, readonly string[]>> = {
  string: ["5", "true", "{}", '["x"]'],
  bytes: ["5", "{}", '"!"', '"a b"', "[1]"],
  int32: ['"x"', "1.5", "2147483648", "1e99", "{}", "[]", "true"],
  uint64: ['"x"', "-1", '"-1"', "1.5", '"18446744073709551616"', "{}"],
  enum: ["{}", "1.5", "true"],
  list: ['"x"', "{}", "5", "[null]"],
  message: ['"x"', "[]", "5", "true"],
  duration: ["5", '"5"', '"5x"', '"s"', '"1.s"', '"315576000001s"', "{}"],
};

function kindOf(field: DescField): string {
  if (field.fieldKind === "message")
    return field.message.typeName === "google.protobuf.Duration" ? "duration" : "message";
  return field.fieldKind === "scalar" ? ScalarType[field.scalar].toLowerCase() : field.fieldKind;
}

/** Whether a field holds a number or a truth value. */
function isNumber(field: DescField | undefined): boolean {
  return field?.fieldKind === "enum" || (field?.fieldKind === "scalar" && field.scalar !== ScalarType.STRING);
}

/** Whether a field holds text: itself, or each of its items. */
function isText(field: DescField): boolean {
  return (field.fieldKind === "scalar" || field.fieldKind === "list") && field.scalar === ScalarType.STRING;
}

describe.each(JSON_FORMS)("Over $name", (form) => {
  it("whatever is no JSON object is malformed", async () => {
    const bodies = [
      "",
      " ",
      "{",
      "}",
      "null",
      "[]",
      "5",
      '"x"',
      "{}{}",
      "{'a':1}",
      '{"a":1,}',
      "undefined",
      "NaN",
      "\u0000",
      '"half a pair: \\ud800"',
      '{"half a pair: \\ud800":1,"half a pair: \\ud800":2}',
    ];
    expect(await taken(form, () => bodies)).toEqual([]);
  });

  it("a value of another type than its field's is malformed", async () => {
    const bodies = ({ input }: Method) =>
      input.fields.flatMap((field) =>
        (WRONG_JSON[kindOf(field)] ?? []).map((value) => `{${JSON.stringify(field.jsonName)}:${value}}`),
      );
    expect(METHODS.flatMap(({ method }) => bodies(method)).length).toBeGreaterThan(100);
    expect(await taken(form, bodies)).toEqual([]);
  });

  it("a member that stands twice is malformed", async () => {
    const bodies = ({ input }: Method) =>
      input.fields
        .filter((field) => field.fieldKind === "scalar" && isText(field))
        .flatMap(({ name, jsonName }) => [
          `{"${jsonName}":"first","${jsonName}":"second"}`,
          ...(name === jsonName ? [] : [`{"${jsonName}":"first","${name}":"second"}`]),
        ]);
    expect(await taken(form, bodies)).toEqual([]);
  });

  it.each([
    ["half a surrogate pair", '"x\\ud800"'],
    ["the other half", '"\\udc00x"'],
    ["a pair the wrong way round", '"\\udc00\\ud800"'],
    ["a byte that is no UTF-8", Buffer.from([0x22, 0x78, 0xff, 0x22])],
    ["half of an UTF-8 sequence", Buffer.from([0x22, 0xc3, 0x22])],
    ["a surrogate in UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["an overlong sequence", Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ])("a text with %s is malformed", async (_what, text) => {
    const bodies = ({ input }: Method) =>
      input.fields.filter(isText).map((field) => {
        const value =
          field.fieldKind === "list" ? [Buffer.from("["), Buffer.from(text), Buffer.from("]")] : [Buffer.from(text)];
        return Buffer.concat([Buffer.from(`{"${field.jsonName}":`), ...value, Buffer.from("}")]);
      });
    expect(await taken(form, bodies)).toEqual([]);
  });

  it("a deep nest is malformed, and no more", async () => {
    const depth = 20_000;
    for (const nest of [`${"[".repeat(depth)}${"]".repeat(depth)}`, `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`]) {
      for (const body of [nest, `{"refreshToken":${nest}}`]) {
        expect(await codeOf(form, AuthService.method.refresh, body)).toBe("InvalidArgument");
      }
    }
  });
});

describe.each(BINARY_FORMS)("Over $name", (form) => {
  it.each([
    ["an unfinished tag", [0xff]],
    ["a tag that is too long", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ["a field without a number", [0x02, 0x00]],
    ["a wire type that does not exist", [0x0f]],
    ["a length beyond the end", [0x0a, 0x05, 0x61]],
    ["a length of four gigabytes", [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a group that does not end", [0x0b, 0x08, 0x01]],
    ["an end without a group", [0x0c]],
    ["a number that does not end", [0xfa, 0x01, 0x80]],
  ])("%s is malformed", async (_what, bytes) => {
    // Where field 1 is a number, the bytes that stand for a length are read as one.
    const bodies = ({ input }: Method) => (isNumber(input.fields[0]) ? [] : [Uint8Array.from(bytes)]);
    expect(METHODS.flatMap(({ method }) => bodies(method)).length).toBeGreaterThan(20);
    expect(await taken(form, bodies)).toEqual([]);
  });

  it.each([
    ["a byte that is no UTF-8", [0x78, 0xff]],
    ["half of an UTF-8 sequence", [0xc3]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["an overlong sequence", [0xc0, 0xaf]],
    ["a code point beyond the last", [0xf4, 0x90, 0x80, 0x80]],
  ])("a text with %s is malformed", async (_what, bytes) => {
    const bodies = ({ input }: Method) =>
      input.fields.filter(isText).map(({ number }) => Uint8Array.from([(number << 3) | 2, bytes.length, ...bytes]));
    expect(await taken(form, bodies)).toEqual([]);
  });

  it("a message cut off anywhere is malformed or lacks something", async () => {
    const { signup } = AuthService.method;
    const whole = toBinary(
      signup.input,
      create(signup.input, { username: "cut-off", password: passwordOf("cut-off") }),
    );
    const over = connectionFor(app.port, form);
    for (let length = 0; length < whole.length - 1; length += 1) {
      const code = await codeOf(form, signup, whole.subarray(0, length), over);
      expect([length, code]).toEqual([length, "InvalidArgument"]);
    }
  });
});

describe.each(RAW_FORMS)("Over $name", (form) => {
  it("noise is never taken for a fault of ours", async () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
    );
    const over = connectionFor(app.port, form);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...METHODS), noise, async ({ method }, body) => {
        expect(["Internal", "Unknown", "DataLoss"]).not.toContain(await codeOf(form, method, body, over));
      }),
      { numRuns: 60 },
    );
  });
});

describe("A password", () => {
  it("that was lost in encoding opens no account", async () => {
    const latin1 = (text: string) => Buffer.from(`{"identifier":"victim","password":"${text}"}`, "latin1");
    const { auth } = clientsOf(app.url);
    await auth.signup({ username: "victim", password: "p\ufffdssword of the victim" });
    for (const form of JSON_FORMS) {
      const code = await codeOf(form, AuthService.method.login, latin1("pässword of the victim"));
      expect(code).toBe("InvalidArgument");
    }
    expect((await refusalOf(auth.login({ identifier: "victim", password: "p?ssword of the victim" }))).reason).toBe(
      "CREDENTIALS_INVALID",
    );
  });
});
