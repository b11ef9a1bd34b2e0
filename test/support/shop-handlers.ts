/** What the shop does, told in neither Connect's nor grpc-js's words, and what its handlers saw. */
import type { Principal } from "../../src/check/decision.ts";

/** What a handler may know of its call. */
export type Call = { readonly caller: () => Principal | null; readonly signal: AbortSignal };

/** The handlers of the shop, and what they saw. */
export type ShopHandlers = {
  /** A line for each call that reached a handler: its method and who called. */
  readonly seen: string[];
  /** The messages that reached handlers. */
  readonly read: string[];
  /** Why streams were told to end, by those that asked. */
  readonly told: unknown[];
  readonly unary: (method: string, text: string, call: Call) => Promise<string>;
  /** Sends its text, and then goes on until it is told to end; `stubborn` does not listen, `1` ends by itself. */
  readonly send: (method: string, text: string, call: Call) => AsyncIterable<string>;
  /** Counts what it reads. */
  readonly receive: (method: string, texts: AsyncIterable<string>, call: Call) => Promise<string>;
  /** Sends back what it reads. */
  readonly both: (method: string, texts: AsyncIterable<string>, call: Call) => AsyncIterable<string>;
};

/** New handlers, which saw nothing yet. */
export function createShopHandlers(): ShopHandlers {
  const seen: string[] = [];
  const read: string[] = [];
  const told: unknown[] = [];

  function note(method: string, { caller, signal }: Call): string {
    const who = caller()?.userId ?? "nobody";
    seen.push(`${method} ${who}`);
    signal.addEventListener("abort", () => told.push(signal.reason), { once: true });
    return who;
  }

  return {
    seen,
    read,
    told,
    async unary(method, text, call) {
      const who = note(method, call);
      read.push(text);
      // Others get a turn in between.
      await new Promise((resolve) => setImmediate(resolve));
      return `${who}: ${text}`;
    },
    async *send(method, text, call) {
      note(method, call);
      read.push(text);
      yield text;
      if (text === "1") return;
      if (text === "stubborn") await new Promise(() => {});
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
    },
    async receive(method, texts, call) {
      note(method, call);
      let count = 0;
      for await (const text of texts) {
        read.push(text);
        count += 1;
      }
      return String(count);
    },
    async *both(method, texts, call) {
      note(method, call);
      for await (const text of texts) {
        read.push(text);
        yield text;
      }
    },
  };
}
