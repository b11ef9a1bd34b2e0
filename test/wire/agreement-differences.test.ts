/** Where the two adapters differ, and why ours is left as it is. Everything else is the same. */
import { describe, expect, test } from "vitest";
import { statusIn } from "../support/agreement-answer.ts";
import { callOf, FORMS, withBody } from "../support/agreement-forms.ts";
import { usePair } from "../support/agreement-pair.ts";
import { send } from "../support/agreement-send.ts";
import { envelope } from "../support/wire-raw.ts";

const { both, sides } = usePair();
const never = () => false;
const FRAMED = FORMS.filter(({ isFramed }) => isFramed);

describe.each(FORMS)("$name", (form) => {
  test("only the library compresses: an answer without compression is always allowed", async () => {
    const name = form.isFramed ? "grpc" : "content";
    const accepted = form.isFramed ? "grpc-accept-encoding" : "accept-encoding";
    const asked = callOf(form, "large:2000", { headers: [[accepted, "gzip"]] });
    const { lean, library } = sides();
    expect((await send(lean, asked, never)).headers).not.toHaveProperty(`${name}-encoding`);
    expect((await send(library, asked, never)).headers).toHaveProperty(`${name}-encoding`, "gzip");
  });

  test("only the library aborts the signal of a call that went well: there is nobody to tell", async () => {
    await both(callOf(form, ""));
    const { lean, library } = sides();
    expect(lean.signals.at(-1)?.aborted).toBe(false);
    expect(library.signals.at(-1)?.aborted).toBe(true);
  });
});

describe.each(FRAMED)("$name", (form) => {
  test("a message that cannot be read is refused when its stream ends, not before: until then it is no request", async () => {
    const asked = withBody(form, [envelope(Buffer.of(0x0f))], { ending: "open", headers: [["grpc-timeout", "1S"]] });
    const { lean, library } = await both(asked);
    expect(lean.log).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(library.log).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("an interceptor that drops all metadata drops the library's status too; ours is no metadata", async () => {
    const { lean, library } = await both(callOf(form, "", { headers: [["x-do-forget", "1"]] }));
    expect(statusIn(lean)).toBe("0");
    expect(lean.headers["content-type"]).toMatch(/^application\/grpc/);
    expect(library.headers).not.toHaveProperty("content-type");
    expect(JSON.stringify(library)).not.toContain("grpc-status");
  });

  test("a message of ours that no header can carry is a fault of ours, not of the caller", async () => {
    const { lean, library } = await both(callOf(form, "unsayable"));
    expect(lean.log).toMatchObject({ code: "INTERNAL", level: "error" });
    expect(library.log).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
