/** Requests that are odd in their headers, their path or their method: both adapters make the same of them. */
import { describe, expect, test } from "vitest";
import { statusIn } from "../support/agreement-answer.ts";
import { bodyOf, callOf, FORMS, type Form, PATH, withBody } from "../support/agreement-forms.ts";
import { ORIGIN, usePair } from "../support/agreement-pair.ts";
import { envelope } from "../support/wire-raw.ts";

const { agree, agreed } = usePair();
const timeoutHeader = ({ isFramed }: Form) => (isFramed ? "grpc-timeout" : "connect-timeout-ms");

describe.each(FORMS)("$name", (form) => {
  test.each([
    ["te", "trailers"],
    ["te", "gzip"],
    ["connect-protocol-version", "1"],
    ["connect-protocol-version", "2"],
    ["connect-protocol-version", ""],
    ["accept", "text/html"],
    ["x-http-method-override", "GET"],
    ["grpc-status", "5"],
    ["x-grpc-web", "1"],
    ["range", "bytes=0-1"],
    ["expect", "100-continue"],
    ["expect", "200-ok"],
    ["content-length", "0"],
    ["sec-fetch-site", "cross-site"],
  ])("with %s: %s", async (name, value) => {
    // Some of them are for HTTP/1 alone, and said there already.
    if (name === "content-length" || (name === "te" && form.version === 2)) return;
    const outcome = await agreed(callOf(form, "", { headers: [[name, value]] }));
    if (value === "100-continue") expect(outcome.informational).toEqual([100]);
  });

  test.each([
    "",
    "x",
    "-1",
    "1.5",
    "1000",
    "1 S",
    "1S ",
    "123456789S",
    "12345678901",
    "1s",
    "S",
    "1d",
    "0x10",
    "1e3",
    "١S",
  ])("with the malformed or foreign deadline %j", async (value) => {
    await agreed(callOf(form, "late:5", { headers: [[timeoutHeader(form), value]] }));
  });
  test("with the other protocol's deadline, which counts for nothing", async () => {
    const other = form.isFramed ? "connect-timeout-ms" : "grpc-timeout";
    const outcome = await agreed(callOf(form, "late:5", { headers: [[other, form.isFramed ? "0" : "0n"]] }));
    expect(statusIn(outcome)).toBe("0");
  });

  test("with a deadline that is stated twice", async () => {
    const value = form.isFramed ? "9S" : "9000";
    await agreed(callOf(form, "", { headers: [1, 2].map(() => [timeoutHeader(form), value] as const) }));
  });

  test.each([
    `${PATH}?`,
    `${PATH}?a=b`,
    `${PATH}?connect=v1&message=%7B%7D`,
    `${PATH}#a`,
    `${PATH}/`,
    `/${PATH}`,
    PATH.toLowerCase(),
  ])("at %s", (path) => agree(callOf(form, "", { path })));
  test.each(["/sallyport.auth.v1.AuthService/Login", "/sallyport.auth.v1.AuthService/Nope", "/a/b", "/", "*"])(
    "at %s, where that RPC is not",
    (path) => agree(callOf(form, "", { path })),
  );
  test.each(["GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "post"])("with the method %s", async (method) => {
    await agreed(withBody(form, [], { method }));
    // A body that nobody reads; on HTTP/1 Node refuses the letter case itself.
    await agreed(withBody(form, [bodyOf(form, {})], { method }));
  });
  test("a preflight, from whom it is allowed and from whom not", async () => {
    for (const origin of [ORIGIN, "https://other.example"]) {
      const headers = [
        ["origin", origin],
        ["access-control-request-method", "POST"],
      ] as const;
      await agreed(withBody(form, [], { method: "OPTIONS", headers }));
      await agreed(callOf(form, "", { headers }));
    }
  });

  test.each(["", "a b", "[::1", "user@", "user@host", "%", "a:99999999", "a/b", "a?b", "A:80", "xn--a", "[::1]:80"])(
    "for the host %j",
    async (host) => {
      await agreed(callOf(form, "", { headers: [["host", host]], isLogged: false }));
      // The host that was asked for last is remembered.
      const outcome = await agreed(callOf(form, ""));
      expect(statusIn(outcome)).toBe("0");
    },
  );
});

describe.each(FORMS.filter(({ version }) => version === 1))("$name", (form) => {
  test("with a length that is too small: the rest is no request", async () => {
    const body = bodyOf(form, { accessToken: "x".repeat(20) });
    await agreed(withBody(form, [body], { length: body.length - 2 }));
    await agreed(withBody(form, [body], { length: 0 }));
  });
  test("with a length that is too large: the client is gone", async () => {
    const body = bodyOf(form, {});
    const outcome = await agreed(withBody(form, [body], { length: body.length + 2 }));
    expect(outcome.seen).toEqual([]);
  });
  test("with a length beyond the bound, which is refused before it comes", async () => {
    const start = form.isFramed ? [envelope(Buffer.alloc(0), { length: 64 * 1024 + 1 })] : [];
    const outcome = await agreed(withBody(form, start, { length: 64 * 1024 + 6, ending: "open" }));
    expect(outcome.log).toMatchObject({ reason: "REQUEST_TOO_LARGE" });
  });
  test("in chunks", async () => {
    const body = bodyOf(form, {});
    const outcome = await agreed(withBody(form, [body.subarray(0, 3), body.subarray(3)], { length: null }));
    expect(statusIn(outcome)).toBe("0");
  });
  test.each(["content-type", "authorization", "user-agent", "grpc-timeout", "connect-timeout-ms", "host", "te"])(
    "with %s stated twice",
    async (name) => {
      const headers = [
        [name, "1S"],
        [name, form.contentType],
      ] as const;
      await agreed(callOf(form, "", { headers }));
      await agreed(withBody(form, [Buffer.from("{]")], { headers }));
    },
  );
});
