/**
 * Instances that go through the same, each spoken to in a form of the wire of its own: whatever one of them answers,
 * the others must answer, too.
 */
import type { Message } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { expect } from "vitest";
import { startApp, type TestApp } from "./app.ts";
import { type Clients, clientsOf, WIRE_FORMS } from "./clients.ts";
import { expectNoFault } from "./decisions.ts";
import type { Contracted, Method } from "./methods.ts";
import { comparable, type Outcome, outcomeOf } from "./outcomes.ts";
import { welcomeAdmin } from "./people.ts";

/** One of the instances. */
export type Voice = {
  readonly form: string;
  readonly app: TestApp;
  /** Without a credential. */
  readonly clients: Clients;
  /** With an administrator's access token. */
  readonly admin: Clients["admin"];
  /** Calls as an administrator, or as nobody where anybody may call. */
  readonly call: (contracted: Pick<Contracted, "method" | "rule">, message: Message) => Promise<Outcome>;
};

/** All of them. */
export type Chorus = {
  readonly voices: readonly Voice[];
  /** The instance whose turn it is. */
  readonly turn: (index: number) => Voice;
  /** Two of them; over many indexes every pair has its turn. */
  readonly pair: (index: number) => readonly Voice[];
  /** Asks all of them the same, or those given; fails unless they answer the same. What they answered. */
  readonly all: (
    contracted: Pick<Contracted, "method" | "rule">,
    message: Message,
    asked?: readonly Voice[],
  ) => Promise<Outcome>;
  /** Stops them; fails if any called something a fault of its own. */
  readonly close: () => Promise<void>;
};

/** Starts one instance for each form. */
export async function startChorus(): Promise<Chorus> {
  const voices = await Promise.all(WIRE_FORMS.map(startVoice));
  function turn(index: number): Voice {
    const voice = voices[index % voices.length];
    if (voice === undefined) throw new Error("nobody has a voice");
    return voice;
  }
  return {
    voices,
    turn,
    pair(index) {
      const apart = 1 + (Math.floor(index / voices.length) % (voices.length - 1));
      return [turn(index), turn(index + apart)];
    },
    async all(contracted, message, asked = voices) {
      const outcomes = await Promise.all(asked.map(({ call }) => call(contracted, message)));
      const [first, ...others] = outcomes;
      if (first === undefined) throw new Error("nobody was asked");
      for (const [index, other] of others.entries()) {
        expect(comparable(other), asked[index + 1]?.form).toEqual(comparable(first));
      }
      return first;
    },
    async close() {
      for (const { app } of voices) expectNoFault(app);
      await Promise.all(voices.map(({ app }) => app.close()));
    },
  };
}

async function startVoice({ name, transport }: (typeof WIRE_FORMS)[number]): Promise<Voice> {
  // Faults are said at this level, and thousands of lines about refusals are not.
  const app = await startApp({ settings: { SALLYPORT_LOG_LEVEL: "warn" } });
  const { tokens } = await welcomeAdmin(app);
  const over = transport({ baseUrl: app.url });
  return {
    form: name,
    app,
    clients: clientsOf(app.url, "", transport),
    admin: clientsOf(app.url, tokens.accessToken, transport).admin,
    call: ({ method, rule }, message) =>
      outcomeOf(method.output, unary(over, method, message, rule.public ? "" : tokens.accessToken)),
  };
}

async function unary(over: Transport, method: Method, message: Message, accessToken: string) {
  const headers = accessToken === "" ? {} : { authorization: `Bearer ${accessToken}` };
  return (await over.unary(method, undefined, undefined, headers, message)).message;
}
