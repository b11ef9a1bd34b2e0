/** Calls that end before their time: the handler hears of it, nothing breaks, and both adapters say the same. */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { statusIn } from "../support/agreement-answer.ts";
import { bodyOf, callOf, FORMS, type Form, PATH, withBody } from "../support/agreement-forms.ts";
import { usePair } from "../support/agreement-pair.ts";
import { openSession } from "../support/agreement-send.ts";
import { envelope, rawConnection } from "../support/wire-raw.ts";
import { until } from "../support/wire-server.ts";

const { agreed, both, sides } = usePair();
const OVER_HTTP2 = FORMS.filter(({ version }) => version === 2);
const OVER_HTTP1 = FORMS.filter(({ version }) => version === 1);

/** A deadline by which every handler has begun, on whatever machine. */
const SOON_MS = 1_000;

function deadline({ isFramed }: Form, ms: number): readonly [string, string] {
  return isFramed ? ["grpc-timeout", `${ms}m`] : ["connect-timeout-ms", String(ms)];
}

describe.each(FORMS)("$name", (form) => {
  test("a deadline ends the call, and its handler hears of it", async () => {
    const outcome = await agreed(callOf(form, "wait", { headers: [deadline(form, SOON_MS)] }));
    expect(outcome.log).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
    expect(outcome.seen).toMatchObject([{ abortedWith: "DeadlineExceeded" }]);
  });

  test.each(["1n", "1u", "1m"])("a deadline of %s is over before or after the handler begins", async (time) => {
    const header = form.isFramed ? ["grpc-timeout", time] : ["connect-timeout-ms", "1"];
    const { lean, library } = await both(callOf(form, "wait", { headers: [[header[0] ?? "", header[1] ?? ""]] }));
    expect({ ...lean, seen: [] }).toEqual({ ...library, seen: [] });
    expect(lean.log).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
  });

  test("a deadline ends the call even of a handler that does not listen", async () => {
    const outcome = await agreed(callOf(form, "hang", { headers: [deadline(form, SOON_MS)] }));
    expect(outcome.log).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("without any time no handler begins", async () => {
    const outcome = await agreed(callOf(form, "", { headers: [deadline(form, 0)] }));
    expect(outcome.log).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
    expect(outcome.seen).toEqual([]);
  });

  test("more time than there is is as much as there is", async () => {
    const value = form.isFramed ? ["grpc-timeout", "99999999H"] : ["connect-timeout-ms", "9999999999"];
    const outcome = await agreed(callOf(form, "late:20", { headers: [[value[0] ?? "", value[1] ?? ""]] }));
    expect(statusIn(outcome)).toBe("0");
  });

  test("a body that does not come is given up at the deadline", async () => {
    const half = bodyOf(form, { accessToken: "x".repeat(20) }).subarray(0, 9);
    for (const pieces of [[], [half.subarray(0, 2)], [half]]) {
      const outcome = await agreed(withBody(form, pieces, { ending: "open", headers: [deadline(form, 60)] }));
      expect(outcome.log).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
      expect(outcome.seen).toEqual([]);
    }
  });

  test("a body that its client gives up reaches no handler", async () => {
    const half = bodyOf(form, { accessToken: "x".repeat(20) }).subarray(0, 9);
    for (const pieces of [[], [half.subarray(0, 2)], [half], [envelope(half, { flags: 1, length: 99 })]]) {
      const outcome = await agreed(withBody(form, pieces, { ending: "cancel", length: 99, isLogged: true }));
      expect(outcome.log).toMatchObject({ code: "CANCELLED" });
      expect(outcome.seen).toEqual([]);
    }
  });

  test.each(["wait", "hang"])("a handler that does %s hears that its client is gone", async (what) => {
    // On HTTP/1 a request is whole; only then does its handler begin.
    const size = bodyOf(form, { audience: what, anyRole: ["a", "ä"] }).length;
    const call = callOf(form, what, { ending: "end" });
    const outcome = await agreed({ ...call, ending: "cancel at work", length: size, isLogged: true });
    expect(outcome.seen).toMatchObject([{ abortedWith: "Canceled" }]);
    expect(outcome.log).toMatchObject({ code: "CANCELLED" });
  });
});

/** Looks, each in another turn of the event loop, which is the servers' too, by which nothing more has arrived. */
const QUIET_LOOKS = 5;

/** Waits for what was sent, or for what is left of it, and expects that both still answer. */
async function expectAlive(): Promise<void> {
  const happened = () => [sides().lean, sides().library].flatMap(({ calls, lines }) => [calls.length, lines.length]);
  for (let [known, quiet] = ["", 0]; quiet < QUIET_LOOKS; ) {
    await pause(10);
    const now = happened().join();
    quiet = now === known ? quiet + 1 : 0;
    known = now;
  }
  for (const form of FORMS) expect(statusIn(await agreed(callOf(form, "")))).toBe("0");
}

describe.each(OVER_HTTP2)("$name: nothing breaks", (form) => {
  test.each([0, 1, 5, 15, 30])("when a session is torn down %i ms into its calls", async (ms) => {
    for (const side of [sides().lean, sides().library]) {
      const [before, session] = [side.calls.length, await openSession(side.port)];
      for (const audience of ["", "fail:3", "late:1", "late:10", "late:20", "wait", "large:300000", "large:2000000"]) {
        const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": form.contentType });
        stream.on("error", () => {});
        stream.end(bodyOf(form, { audience }));
      }
      await until(() => side.calls.length > before, "a call");
      await pause(ms);
      session.destroy();
    }
    await expectAlive();
  });

  test("when a stream is reset between the answer and its trailers", async () => {
    for (const side of [sides().lean, sides().library]) {
      const session = await openSession(side.port);
      for (const size of [1, 100_000, 900_000]) {
        const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": form.contentType });
        stream.on("error", () => {});
        stream.end(bodyOf(form, { audience: `large:${size}` }));
        await once(stream, "response");
        stream.close(8);
      }
      session.close();
    }
    await expectAlive();
  });
});

describe.each(OVER_HTTP1)("$name: nothing breaks", (form) => {
  test.each([0, 1, 5, 15])("when a connection is cut %i ms into its calls", async (ms) => {
    for (const { port } of [sides().lean, sides().library]) {
      for (const audience of ["", "fail:3", "late:1", "late:10", "wait", "large:900000"]) {
        const body = bodyOf(form, { audience });
        const { socket } = await rawConnection(port);
        const head = `POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: ${form.contentType}\r\n`;
        socket.write(Buffer.concat([Buffer.from(`${head}content-length: ${body.length}\r\n\r\n`), body]));
        setTimeout(() => socket.destroy(), ms);
      }
    }
    await expectAlive();
  });
});
