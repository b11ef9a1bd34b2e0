import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSegment } from "../../src/check/strict-json.ts";
import { segment } from "../support/forge.ts";

const parse = (content: string | Uint8Array) => parseSegment(segment(content));

describe("A segment", () => {
  it("is read if it is what JSON.stringify gives for an object", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        const text = JSON.stringify(object);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("is read as the one object that its text can mean, or not at all", () => {
    const noise = fc.constantFrom(
      " ",
      "\n",
      "\t",
      "{",
      "}",
      '"',
      ",",
      ":",
      "0",
      "1",
      "e",
      ".",
      "-",
      "\\u0061",
      "\ufeff",
      "a",
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), noise, fc.nat(), (object, inserted, at) => {
        const text = JSON.stringify(object);
        const index = at % (text.length + 1);
        const changed = text.slice(0, index) + inserted + text.slice(index);
        const read = parse(changed);
        if (read !== null) expect(JSON.stringify(read)).toBe(changed);
      }),
    );
  });

  it.each([
    ["a member twice", '{"a":1,"a":1}'],
    ["a member twice, once in escapes", '{"a":1,"\\u0061":2}'],
    ["a member twice, far below", '{"a":[{"b":1,"b":2}]}'],
    ["white space", '{"a": 1}'],
    ["white space before it", ' {"a":1}'],
    ["white space after it", '{"a":1}\n'],
    ["an escape that need not be", '{"a":"\\u0062"}'],
    ["a slash in escape", '{"a":"\\/"}'],
    ["escapes in capitals", '{"a":"\\u001F"}'],
    ["a number in an exponent", '{"a":1e3}'],
    ["a number with a fraction of nothing", '{"a":1.0}'],
    ["a number with a sign and no value", '{"a":-0}'],
    ["a number that cannot be held", '{"a":12345678901234567890}'],
    ["a number without end", '{"a":1e999}'],
    ["members whose order JavaScript changes", '{"b":1,"1":2}'],
    ["a byte order mark", '\ufeff{"a":1}'],
    ["a comma too many", '{"a":1,}'],
    ["a comment", '{"a":1/**/}'],
    ["two objects", "{}{}"],
    ["an array", "[]"],
    ["a text", '"a"'],
    ["a number", "1"],
    ["null", "null"],
    ["nothing", ""],
    ["a lone brace", "{"],
    ["ten thousand brackets", "[".repeat(10_000)],
  ])("is refused with %s", (_name, text) => {
    expect(parse(text)).toBeNull();
  });

  it.each([
    ["a letter cut in half", [0xc3]],
    ["an overlong letter", [0xc0, 0x80]],
    ["half of a surrogate pair", [0xed, 0xa0, 0x80]],
    ["bytes above Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a byte that is never", [0xff]],
  ])("is refused with %s", (_name, bytes) => {
    expect(parse(Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]))).toBeNull();
  });

  it("is refused in any writing of base64url but the one without padding and stray bits", () => {
    expect(parseSegment("e30")).toEqual({});
    for (const text of ["e30=", "e31", "e3", "e30A", " e30", "e30\n", "e 30", "e30.", "+30", "é30", ""]) {
      expect(parseSegment(text), text).toBeNull();
    }
    expect(parseSegment(segment('{"a":"?>?"}'))).toEqual({ a: "?>?" });
    expect(parseSegment(Buffer.from('{"a":"?>?"}').toString("base64"))).toBeNull();
  });

  it("gives __proto__ no power", () => {
    const read = parse('{"__proto__":{"iss":"mallory"},"constructor":1}');
    expect(read?.iss).toBeUndefined();
    expect(Object.keys(read ?? {})).toEqual(["__proto__", "constructor"]);
  });
});
