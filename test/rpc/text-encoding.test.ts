/** Bytes that are no text, in the text fields of messages within messages; those at the top are in malformed-bodies. */
import { toBinary, toJsonString } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp, type TestApp } from "../support/app.ts";
import { expectNoFault } from "../support/decisions.ts";
import { METHODS } from "../support/methods.ts";
import { welcomeAdmin } from "../support/people.ts";
import { callRaw, connectionFor, RAW_FORMS, type RawForm } from "../support/raw-calls.ts";
import { textFieldsOf } from "../support/text-fields.ts";

/** Stands where the bytes are to come; as long as they are in protobuf, where lengths are told. */
const PLACE = "QQQQ";
const NESTED = METHODS.flatMap((contracted) =>
  textFieldsOf(contracted.method)
    .filter(({ path }) => path.includes("."))
    .map((field) => ({ ...field, contracted })),
);
const [JSON_FORMS, BINARY_FORMS] = [true, false].map((isJson) => RAW_FORMS.filter((form) => form.isJson === isJson));

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

/** The fields at which these bytes, in the place of a text, are not refused as malformed. */
async function taken(form: RawForm, bytes: Buffer): Promise<readonly string[]> {
  const over = connectionFor(app.port, form);
  const found: string[] = [];
  for (const { path, withText, contracted } of NESTED) {
    const { method, rule, name } = contracted;
    const good = form.isJson
      ? Buffer.from(toJsonString(method.input, withText(PLACE)))
      : Buffer.from(toBinary(method.input, withText(PLACE)));
    const [before, after] = [good.subarray(0, good.indexOf(PLACE)), good.subarray(good.indexOf(PLACE) + PLACE.length)];
    const headers: Record<string, string> = rule.public ? {} : { authorization };
    const { code } = await callRaw(app.port, form, method, Buffer.concat([before, bytes, after]), headers, over);
    if (code !== "InvalidArgument") found.push(`${name} ${path}: ${code}`);
  }
  return found;
}

it("There are texts in messages within messages", () => {
  expect(NESTED.map(({ path }) => path)).toContain("items[0].request.any_role[0]");
});

describe.each(JSON_FORMS ?? [])("Over $name", (form) => {
  it.each([
    ["half a surrogate pair", Buffer.from("\\ud800")],
    ["the other half", Buffer.from("\\udfff")],
    ["a pair the wrong way round", Buffer.from("\\udc00\\ud800")],
    ["half a pair before a letter", Buffer.from("\\ud83da")],
    ["a byte that is no UTF-8", Buffer.from([0xff])],
    ["an overlong NUL", Buffer.from([0xc0, 0x80])],
    ["a surrogate in UTF-8", Buffer.from([0xed, 0xa0, 0x80])],
    ["a NUL as it is", Buffer.from([0x00])],
    ["the end of a line as it is", Buffer.from("\n")],
  ])("%s is malformed", async (_what, bytes) => {
    expect(await taken(form, bytes)).toEqual([]);
  });
});

describe.each(BINARY_FORMS ?? [])("Over $name", (form) => {
  it.each([
    ["bytes that are no UTF-8", [0xff, 0xfe, 0xff, 0xfe]],
    ["an overlong NUL", [0x61, 0xc0, 0x80, 0x61]],
    ["an overlong slash of three bytes", [0x61, 0xe0, 0x80, 0xaf]],
    ["half of a surrogate pair", [0x61, 0xed, 0xa0, 0x80]],
    ["a sequence that does not end", [0x61, 0xf0, 0x9f, 0x98]],
    ["a code point beyond the last", [0xf4, 0x90, 0x80, 0x80]],
  ])("%s is malformed", async (_what, bytes) => {
    expect(await taken(form, Buffer.from(bytes))).toEqual([]);
  });
});
