/** Bodies that are not what they should be: the lean adapter refuses what the library refuses, in the same words. */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { statusIn } from "../support/agreement-answer.ts";
import { bodyOf, FORMS, type Form, messageOf, withBody } from "../support/agreement-forms.ts";
import { usePair } from "../support/agreement-pair.ts";
import { envelope } from "../support/wire-raw.ts";

const { agree, agreed } = usePair();
const FRAMED = FORMS.filter(({ isFramed }) => isFramed);
const BARE = FORMS.filter(({ isFramed }) => !isFramed);
/** The largest request, and a frame of 4 GiB. */
const LARGEST = 64 * 1024;
const ENDLESS = 0xffff_ffff;

const nothing = Buffer.alloc(0);
const LIMIT_CASES = [LARGEST - 1, LARGEST, LARGEST + 1, 3 * LARGEST];

/** A message of exactly so many bytes. */
function messageOfSize(form: Form, size: number): Buffer {
  const around = messageOf(form, { accessToken: "x".repeat(size - 200) }).length - (size - 200);
  return messageOf(form, { accessToken: "x".repeat(size - around) });
}

describe.each(FORMS)("$name", (form) => {
  const message = messageOf(form, { audience: "", accessToken: "token", anyRole: ["a"] });
  const packed = gzipSync(message);
  const encodingHeader = form.isFramed ? "grpc-encoding" : "content-encoding";
  const frame = (data: Uint8Array, flags = 0) => (form.isFramed ? envelope(data, { flags }) : Buffer.from(data));

  test("an empty body", () => agree(withBody(form, [])));
  test("an empty message", () => agree(withBody(form, [frame(nothing)])));
  test.each([[Buffer.of(0x0f)], [Buffer.of(0)], [Buffer.from("\xff\xfe{", "latin1")], [Buffer.from("{")]])(
    "no message: %j",
    async (bytes) => {
      const outcome = await agreed(withBody(form, [frame(bytes)]));
      expect(outcome.seen).toEqual([]);
      expect(outcome.log).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID", level: "info" });
    },
  );
  test.each(LIMIT_CASES)("a message of %i bytes", async (size) => {
    const body = frame(messageOfSize(form, size));
    const outcome = await agreed(withBody(form, [body]));
    expect(statusIn(outcome) === "0").toBe(size <= LARGEST);
    const split = await agreed(withBody(form, [body.subarray(0, 3), body.subarray(3, 900), body.subarray(900)]));
    expect(split).toEqual(outcome);
    if (form.version === 1) await agreed(withBody(form, [body], { length: null }));
  });
  test.each(["identity", "gzip", "br", "deflate", "", "gzip, gzip"])("compression %j, as it is named", async (name) => {
    const headers = [[encodingHeader, name]] as const;
    await agreed(withBody(form, [frame(message)], { headers }));
    await agreed(withBody(form, [frame(message, 1)], { headers }));
    await agreed(withBody(form, [frame(packed, 1)], { headers }));
    await agreed(withBody(form, [frame(packed.subarray(0, -4), 1)], { headers }));
    await agreed(withBody(form, [frame(gzipSync(Buffer.alloc(LARGEST * 2)), 1)], { headers }));
  });
  test("the other protocol's compression header", async () => {
    const other = form.isFramed ? "content-encoding" : "grpc-encoding";
    const outcome = await agreed(withBody(form, [frame(message)], { headers: [[other, "gzip"]] }));
    expect(statusIn(outcome)).toBe("0");
  });
});

describe.each(FRAMED)("$name", (form) => {
  const one = bodyOf(form, { anyRole: ["a"] });
  const message = messageOf(form, { anyRole: ["a"] });

  test.each([0, 1, 2, 3, 4, 0x7e, 0x80, 0x81, 0xff])("a frame with flags %i", (flags) =>
    agree(withBody(form, [envelope(message, { flags })])),
  );
  test("two frames, in one piece or two", async () => {
    const outcome = await agreed(withBody(form, [Buffer.concat([one, one])]));
    expect(outcome.seen).toEqual([]);
    expect(await agreed(withBody(form, [one, one]))).toEqual(outcome);
  });
  test("a frame and trailers, as gRPC-Web allows", async () => {
    const trailers = envelope(Buffer.from("a: b\r\n"), { flags: 0x80 });
    const outcome = await agreed(withBody(form, [one, trailers], { headers: [["grpc-timeout", "99999999H"]] }));
    expect(statusIn(outcome) === "0").toBe(form.contentType.startsWith("application/grpc-web"));
  });
  test.each(Array.from({ length: one.length }, (_, length) => length))("%i bytes of a frame", async (length) => {
    const outcome = await agreed(withBody(form, [one.subarray(0, length)]));
    expect(outcome.seen).toEqual([]);
  });
  test.each([1, 4, 5, 6, 100])("a frame and %i bytes more", async (length) => {
    const outcome = await agreed(withBody(form, [one, Buffer.alloc(length)]));
    expect(statusIn(outcome)).not.toBe("0");
  });
  test.each([-1, +1, 5, LARGEST, ENDLESS - message.length])("a length that is wrong by %i", (by) =>
    agree(withBody(form, [envelope(message, { length: message.length + by })])),
  );
  test.each([
    [[ENDLESS], 5],
    [[ENDLESS], 1],
    [[LARGEST + 1], 4],
  ] as const)(
    "a frame of %j bytes is refused on sight, in pieces of %i bytes, though nothing more comes",
    async ([length], size) => {
      const start = envelope(nothing, { length });
      const pieces = Array.from({ length: Math.ceil(5 / size) }, (_, at) => start.subarray(at * size, (at + 1) * size));
      const startedAt = performance.now();
      const outcome = await agreed(withBody(form, pieces, { ending: "open" }));
      expect(outcome.log).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "REQUEST_TOO_LARGE" });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    },
  );
  test("a second frame, or an odd flag, is refused on sight too", async () => {
    await agreed(withBody(form, [one, one], { ending: "open" }));
    await agreed(withBody(form, [envelope(message, { flags: 1 })], { ending: "open" }));
  });
});

describe.each(BARE)("$name", (form) => {
  test("more than the bound is refused on sight, though nothing more comes", async () => {
    const outcome = await agreed(withBody(form, [Buffer.alloc(LARGEST), nothing, Buffer.alloc(1)], { ending: "open" }));
    expect(outcome.log).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "REQUEST_TOO_LARGE" });
  });
});

describe.each(BARE.filter(({ isJson }) => isJson))("$name", (form) => {
  test.each([
    "null",
    "[]",
    '"text"',
    '{"audience":7}',
    '{"audience":"a","audience":"b"}',
    '{"unknown":1}',
    '{"anyRole":"a"}',
    '{"anyRole":[null]}',
    '{"any_role":["a"]}',
    '{"maxStaleness":"1x"}',
    '{"minRevision":{"number":-1}}',
    '{"audience":"\\ud800"}',
    '{"audience":"fail:3","accessToken":"\\u0000"}',
    "{} {}",
    ' {"audience":""} ',
    "\ufeff{}",
    `${"[".repeat(2000)}`,
    '{"\\ud800":1}',
  ])("%s", (text) => agree(withBody(form, [Buffer.from(text)])));
});
