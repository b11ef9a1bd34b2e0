/** The lean adapter answers as the library does: messages, statuses, details and metadata. */
import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { describe, expect, test } from "vitest";
import { statusIn } from "../support/agreement-answer.ts";
import { callOf, FORMS, OTHER_FORMS } from "../support/agreement-forms.ts";
import { ORIGIN, usePair } from "../support/agreement-pair.ts";

const CODES = Object.values(Code).filter((code): code is Code => typeof code === "number");
const { agreed } = usePair();

/** How a form writes a status. */
const written = (contentType: string, code: Code) =>
  contentType.startsWith("application/grpc") ? String(code) : codeToString(code);

describe.each(FORMS)("$name", (form) => {
  const { contentType } = form;

  test("gives the message", async () => {
    const outcome = await agreed(callOf(form, ""));
    expect(statusIn(outcome)).toBe("0");
    expect(outcome.log).toMatchObject({ code: "OK", rpc: "sallyport.auth.v1.AuthService/Authorize" });
    expect(outcome.seen).toMatchObject([{ message: '{"anyRole":["a","ä"]}', hasTimeout: true }]);
  });

  test("carries metadata both ways, text and binary, repeated and empty", async () => {
    const headers = [
      ["x-up-plain", "a, b"],
      ["x-up-again", "one"],
      ["x-up-again", "two"],
      ["x-up-twice", "zwei"],
      ["x-up-some-bin", "AAH/"],
      ["x-up-twice-bin", "AAH/"],
      ["x-up-twice-bin", "AAI="],
      ["x-up-empty", ""],
      ["user-agent", "a browser"],
      ["authorization", "Bearer x"],
      ["cookie", "a=b"],
      ["cookie", "c=d"],
      ["accept-language", "de"],
    ] as const;
    const outcome = await agreed(callOf(form, "", { headers }));
    const all = JSON.stringify(outcome);
    for (const value of ['"one, two"', '"zwei, zwei"', "AAH/, AAI="]) expect(all).toContain(value);
    await agreed(callOf(form, "fail:9", { headers }));
  });

  test.each(CODES)("tells of code %i with its message, details and metadata", async (code) => {
    const outcome = await agreed(callOf(form, `fail:${code}`));
    expect(statusIn(outcome)).toBe(written(contentType, code));
    expect(JSON.stringify(outcome)).toContain("AAH/");
  });

  test("tells of a refusal with its reason", async () => {
    const outcome = await agreed(callOf(form, "refuse"));
    expect(outcome.log).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "BUSY" });
  });

  test.each(["fault:error", "fault:text"])("tells nothing of a %s but that it happened", async (what) => {
    const outcome = await agreed(callOf(form, what));
    expect(statusIn(outcome)).toBe(written(contentType, Code.Internal));
    expect(JSON.stringify(outcome)).not.toContain("secret");
    expect(outcome.log).toMatchObject({ code: "INTERNAL", level: "error", hasCause: true });
  });

  test.each([
    ["adds metadata", ["x-do-add", "1"], "0"],
    ["copies the metadata and adds to it", ["x-do-copy", "1"], "0"],
    ["replaces the messages", ["x-do-replace", "another"], "0"],
    ["rejects", ["x-do-reject", "1"], written(contentType, Code.PermissionDenied)],
    ["refuses", ["x-do-refuse", "1"], written(contentType, Code.Unauthenticated)],
  ] as const)("runs an interceptor that %s", async (_what, header, status) => {
    const outcome = await agreed(callOf(form, "", { headers: [header, ["x-up-a", "b"]] }));
    expect(statusIn(outcome)).toBe(status);
    await agreed(callOf(form, "fail:3", { headers: [header, ["x-do-add", "1"], ["x-do-copy", "1"]] }));
  });

  test.each([
    [1_000, "0"],
    [70_000, "0"],
    [1024 * 1024 - 100, "0"],
    [1024 * 1024 + 1, written(contentType, Code.ResourceExhausted)],
  ])("answers with %i bytes, to clients that take gzip too", async (size, status) => {
    const encodings = ["accept-encoding", "grpc-accept-encoding"].map((name) => [name, "br, gzip;q=1, *"] as const);
    const plain = await agreed(callOf(form, `large:${size}`));
    expect(statusIn(plain)).toBe(status);
    const packed = await agreed(callOf(form, `large:${size}`, { headers: encodings }));
    expect(packed.body).toEqual(plain.body);
    const exactly = encodings.map(([name]) => [name, "gzip"] as const);
    await agreed(callOf(form, `large:${size}`, { headers: exactly }));
  });

  test.each([ORIGIN, "https://other.example"])("tells %s whether it may read the answer", async (origin) => {
    const outcome = await agreed(callOf(form, "", { headers: [["origin", origin]] }));
    expect(outcome.headers["access-control-allow-origin"]).toBe(origin === ORIGIN ? ORIGIN : undefined);
    await agreed(callOf(form, "fail:5", { headers: [["origin", origin]] }));
  });
});

test.each(OTHER_FORMS)("$name is the library's to answer, at both", async (form) => {
  await agreed(callOf(form, ""));
  await agreed(callOf(form, "fail:5", { headers: [["x-up-a", "b"]] }));
  await agreed(callOf(form, "refuse"));
});
