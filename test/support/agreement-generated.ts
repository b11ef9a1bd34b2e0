/** Generated requests for the agreement suite, most of them malformed in some way. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { bodyOf, type Form, messageOf, withBody } from "./agreement-forms.ts";
import type { Sending } from "./agreement-send.ts";
import { envelope } from "./wire-raw.ts";

/** Repeats a run: the seed that a run prints. */
export const SEED = Number(process.env.SALLYPORT_TEST_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "binary", maxLength: 10 }));
const audience = fc.constantFrom("", "", "", "", "fail:3", "fail:13", "refuse", "fault:x", "late:1", "large:1500");

const init = fc.record({
  audience,
  accessToken: text.map((value) => value.toWellFormed()),
  anyRole: fc.array(
    text.map((value) => value.toWellFormed()),
    { maxLength: 3 },
  ),
  maxStaleness: fc.option(fc.record({ seconds: fc.bigInt(0n, 1000n), nanos: fc.nat(999_999_999) }), { nil: undefined }),
});

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

/** Replaces, inserts or removes some bytes. */
function mutated(of: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.nat(), drop: fc.nat(3), insert: bytes(3) });
  return fc.tuple(of, fc.array(change, { minLength: 1, maxLength: 4 })).map(([start, changes]) =>
    changes.reduce((result, { at, drop, insert }) => {
      const from = at % (result.length + 1);
      return Buffer.concat([result.subarray(0, from), insert, result.subarray(from + drop)]);
    }, start),
  );
}

const JSON_TOKENS = ["{", "}", "[", "]", ",", ":", '"', "null", "true", "1e999", "-0", '"\\ud800"', "\\u0000", "\xff"];

/** JSON with other JSON in it, or none any more. */
function mutatedJson(of: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.record({ at: fc.nat(), token: fc.constantFrom(...JSON_TOKENS) });
  return fc.tuple(of, fc.array(change, { maxLength: 3 })).map(([start, changes]) =>
    changes.reduce((result, { at, token }) => {
      const from = at % (result.length + 1);
      return Buffer.concat([result.subarray(0, from), Buffer.from(token, "latin1"), result.subarray(from)]);
    }, start),
  );
}

const UNKNOWN_FIELDS = [
  '"unknown": 1',
  '"any_role": ["b"]',
  '"audience": "x"',
  '"minRevision": {"x": []}',
  '"maxAuthAge": "1"',
];

function messages(form: Form): fc.Arbitrary<Buffer> {
  const valid = init.map((given) => messageOf(form, given));
  const withUnknown = form.isJson
    ? fc.tuple(valid, fc.constantFrom(...UNKNOWN_FIELDS)).map(([json, field]) => {
        const start = json.toString().slice(0, -1);
        return Buffer.from(`${start}${start === "{" ? "" : ","}${field}}`);
      })
    : fc
        .tuple(valid, fc.constantFrom("9a0600", "980601", "0a00", "f20100"))
        .map(([message, field]) => Buffer.concat([message, Buffer.from(field, "hex")]));
  return fc.oneof(
    { weight: 8, arbitrary: valid },
    { weight: 2, arbitrary: withUnknown },
    { weight: 2, arbitrary: mutated(valid) },
    { weight: 2, arbitrary: form.isJson ? mutatedJson(valid) : bytes(40) },
    { weight: 1, arbitrary: bytes(40) },
  );
}

const packing = fc.constantFrom("none", "none", "none", "none", "none", "gzip", "broken gzip");

function packed(message: Buffer, how: string): Buffer {
  if (how === "none") return message;
  const whole = gzipSync(message);
  return how === "gzip" ? whole : whole.subarray(0, Math.max(0, whole.length - 5));
}

const FLAGS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0x80, 0x81, 0xff];
const WRONG_BY = [0, 0, 0, 0, 0, 0, 0, 0, -1, 1, 7, 65_536];

function framed(form: Form, wrongBy: fc.Arbitrary<number>): fc.Arbitrary<Buffer> {
  const parts = { message: messages(form), how: packing, flags: fc.constantFrom(...FLAGS), wrongBy };
  return fc.record(parts).map(({ message, how, flags, wrongBy: by }) => {
    const data = packed(message, how);
    return envelope(data, { flags: how === "none" ? flags : flags | 1, length: Math.max(0, data.length + by) });
  });
}

/**
 * One frame, or several, or none. No body has two faults of which one is a length beyond the bound: which of them the
 * library finds first depends on how the network has cut the bytes.
 */
function frames(form: Form): fc.Arbitrary<Buffer> {
  const some = fc.array(framed(form, fc.constant(0)), { maxLength: 3 });
  const several = fc.tuple(some, bytes(4)).map(([all, rest]) => Buffer.concat([...all, rest]));
  return fc.oneof(
    { weight: 8, arbitrary: framed(form, fc.constantFrom(...WRONG_BY)) },
    { weight: 2, arbitrary: several },
    { weight: 1, arbitrary: bytes(9) },
  );
}

function bodies(form: Form): fc.Arbitrary<Buffer> {
  const wellFormed = init.map((given) => bodyOf(form, given));
  return fc.oneof({ weight: 2, arbitrary: wellFormed }, { weight: 3, arbitrary: anyBodies(form) });
}

function anyBodies(form: Form): fc.Arbitrary<Buffer> {
  if (form.isFramed) return frames(form);
  return fc.tuple(messages(form), packing).map(([message, how]) => packed(message, how));
}

/** The same bytes in pieces, the last of them perhaps missing. */
function pieces(of: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer[]> {
  const cuts = fc.array(fc.nat(), { maxLength: 4 });
  const missing = fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(12) });
  return fc.tuple(of, cuts, missing).map(([whole, at, less]) => {
    const body = whole.subarray(0, Math.max(0, whole.length - less));
    const places = [0, ...at.map((place) => place % (body.length + 1)), body.length].sort((a, b) => a - b);
    return places.slice(1).map((end, index) => body.subarray(places[index], end));
  });
}

const name = (...names: string[]) => fc.constantFrom(...names);
const compression = name("identity", "identity", "gzip", "gzip", "br", "zstd", "");
/** None that could pass while a call is on its way: a body may come before or after that. */
const deadline = name("9S", "9H", "99999999H", "9999999999", "90000", "1e4", "-1", "", "9 S", "ten", "１S");

/** Headers that are odd, repeated or foreign to the protocol. */
const oddHeaders = fc.array(
  fc.oneof(
    fc.tuple(name("grpc-encoding", "content-encoding"), compression),
    fc.tuple(name("accept-encoding", "grpc-accept-encoding"), name("gzip", "identity", "br", "*", "gzip;q=0", "")),
    fc.tuple(name("grpc-timeout", "connect-timeout-ms"), deadline),
    fc.tuple(name("connect-protocol-version"), name("1", "2", "", "x")),
    fc.tuple(name("x-up-a", "x-up-b-bin", "x-up-twice"), name("1", "", "AAEC", "a, b", "%zz", "\t")),
    fc.tuple(name("x-do-add", "x-do-copy", "x-do-replace", "x-do-reject", "x-do-refuse"), name("", "fail:4")),
    fc.tuple(name("origin"), name("https://app.example", "https://other.example", "null")),
    fc.tuple(name("accept", "user-agent", "grpc-message-type", "x-user-agent"), name("", "a/b", "*/*")),
  ),
  { maxLength: 3 },
);

const method = fc.oneof(
  { weight: 20, arbitrary: fc.constant("POST") },
  { weight: 1, arbitrary: name("GET", "PUT", "OPTIONS", "HEAD") },
);

/** Requests in any form that the lean adapter takes. */
export function generatedRequests(form: Form): fc.Arbitrary<Sending> {
  return fc
    .record({ body: pieces(bodies(form)), headers: oddHeaders, method, isChunked: fc.boolean() })
    .map(({ body, headers, method, isChunked }) => {
      const sent = latin(form.version === 1 ? headers : withoutRepeated(headers));
      return withBody(form, body, { headers: sent, method, ...(isChunked && { length: null }) });
    });
}

/** Node's HTTP/2 client repeats only what is none of HTTP's own. */
function withoutRepeated(headers: readonly (readonly [string, string])[]) {
  const isOwn = (header: string) => /^(x|grpc|connect)-/.test(header);
  return headers.filter(([header], at) => isOwn(header) || headers.findIndex(([other]) => other === header) === at);
}

/** What a header can carry. */
function latin(headers: readonly (readonly [string, string])[]) {
  return headers.map(([header, value]) => [header, Buffer.from(value).toString("latin1").trim()] as const);
}
