/**
 * Instances that go through the same, each spoken to in a form of the wire of its own: whatever one of them answers,
 * the others must answer, too. A few calls go through the clients of the library; where it is thousands, the test
 * writes and reads the bytes itself, which costs a fifth of that.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { expect } from "vitest";
import { startApp, type TestApp } from "./app.ts";
import { type Clients, clientsOf, WIRE_FORMS } from "./clients.ts";
import { concurrently } from "./concurrently.ts";
import { expectNoFault } from "./decisions.ts";
import type { Contracted, Method } from "./methods.ts";
import { comparable, type Outcome, outcomeOf } from "./outcomes.ts";
import { welcomeAdmin } from "./people.ts";
import { encoded, postedTo, RAW_FORMS, type RawForm } from "./raw-calls.ts";
import { createOutcomeReader, type ReadOutcome } from "./raw-outcomes.ts";
import { http1Line, http2Line } from "./wire-lines.ts";
import { ask1 } from "./wire-raw.ts";

/** What to call. */
type Called = Pick<Contracted, "method" | "rule">;

/** One of the instances. */
export type Voice = {
  readonly form: string;
  readonly app: TestApp;
  /** Without a credential. */
  readonly clients: Clients;
  /** With an administrator's access token. */
  readonly admin: Clients["admin"];
  /** Calls as an administrator, or as nobody where anybody may call. */
  readonly call: (called: Called, message: Message) => Promise<Outcome>;
  /** The same for many messages, which are sent in this order, many at a time. */
  readonly callEach: (called: Called, messages: readonly Message[]) => Promise<readonly ReadOutcome[]>;
  readonly close: () => Promise<void>;
};

/** All of them. */
export type Chorus = {
  readonly voices: readonly Voice[];
  /** Asks all of them the same; fails unless they answer the same. What they answered. */
  readonly all: (called: Called, message: Message) => Promise<Outcome>;
  /**
   * Asks all of them each of these, many at a time, in this order; fails unless they answer the same to each. What they
   * answered.
   */
  readonly each: (called: Called, messages: readonly Message[]) => Promise<readonly Outcome[]>;
  /** Stops them; fails if any called something a fault of its own. */
  readonly close: () => Promise<void>;
};

/** As many as wait for a hash without being turned away, if one is made at a time; and as may go ahead on HTTP/1.1. */
const AT_ONCE = 16;

/** Starts one instance for each form. */
export async function startChorus(): Promise<Chorus> {
  const voices = await Promise.all(WIRE_FORMS.map(startVoice));
  return {
    voices,
    async all(called, message) {
      const outcomes = await Promise.all(voices.map(({ call }) => call(called, message)));
      const [first, ...others] = outcomes;
      if (first === undefined) throw new Error("nobody was asked");
      for (const [index, other] of others.entries()) {
        expect(comparable(other), voices[index + 1]?.form).toEqual(comparable(first));
      }
      return first;
    },
    async each(called, messages) {
      const [first = [], ...others] = await withoutStackTraces(() =>
        Promise.all(voices.map(({ callEach }) => callEach(called, messages))),
      );
      const different = first.flatMap(({ compared }, index) =>
        others.flatMap((outcomes, other) =>
          outcomes[index]?.compared === compared
            ? []
            : [[voices[other + 1]?.form, compared, outcomes[index]?.compared]],
        ),
      );
      expect(different, `answers unlike those over ${voices[0]?.form}`).toEqual([]);
      expect(first).toHaveLength(messages.length);
      return first.map(({ outcome }) => outcome);
    },
    async close() {
      for (const { app } of voices) expectNoFault(app);
      await Promise.all(voices.map((voice) => voice.close()));
    },
  };
}

/** Nobody asks of thousands of refusals where in the server they were thought of, and to know costs a quarter of all. */
async function withoutStackTraces<T>(work: () => Promise<T>): Promise<T> {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    Error.stackTraceLimit = before;
  }
}

const SETTINGS = {
  // Faults are said at this level, and thousands of lines about refusals are not.
  SALLYPORT_LOG_LEVEL: "warn",
  // One hash at a time: of those who want the same name, the first to ask gets it, everywhere.
  SALLYPORT_HASH_PERMITS: "1",
  // The least that a hash may cost.
  SALLYPORT_ARGON2_MEMORY_KIB: "8",
};

/** Where no disk is waited for, if there is such a place: what is written here need not outlive a power cut. */
const FOLDERS = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

async function startVoice({ name, transport }: (typeof WIRE_FORMS)[number]): Promise<Voice> {
  const dataDir = mkdtempSync(join(FOLDERS, "sallyport-chorus-"));
  const app = await startApp({ settings: SETTINGS, dataDir });
  const { tokens } = await welcomeAdmin(app);
  const over = transport({ baseUrl: app.url });
  const form = RAW_FORMS.find((raw) => raw.name === name);
  if (form === undefined) throw new Error(`${name} is not known in bytes`);
  const line = form.ask === ask1 ? http1Line(app.port) : http2Line(app.port);
  const tokenFor = ({ rule }: Called) => (rule.public ? "" : tokens.accessToken);
  return {
    form: name,
    app,
    clients: clientsOf(app.url, "", transport),
    admin: clientsOf(app.url, tokens.accessToken, transport).admin,
    call: (called, message) => outcomeOf(called.method.output, unary(over, called.method, message, tokenFor(called))),
    callEach(called, messages) {
      const { method } = called;
      const read = createOutcomeReader(form, method.output);
      const headers = authorizationOf(tokenFor(called));
      return concurrently(AT_ONCE, messages, async (message) =>
        read(await line.post(postedTo(form, method, encodedOnce(form, method, message), headers))),
      );
    },
    async close() {
      line.close();
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The messages that were encoded, in JSON and in binary: more than one instance is sent the same. */
const ENCODED = [new WeakMap<Message, Uint8Array>(), new WeakMap<Message, Uint8Array>()] as const;

function encodedOnce(form: RawForm, method: Method, message: Message): Uint8Array {
  const known = ENCODED[form.isJson ? 0 : 1];
  const bytes = known.get(message) ?? encoded(form, method, message);
  known.set(message, bytes);
  return bytes;
}

function authorizationOf(accessToken: string): Record<string, string> {
  return accessToken === "" ? {} : { authorization: `Bearer ${accessToken}` };
}

async function unary(over: Transport, method: Method, message: Message, accessToken: string) {
  return (await over.unary(method, undefined, undefined, authorizationOf(accessToken), message)).message;
}
