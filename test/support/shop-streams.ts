/** Streams of the shop's clients that go on until something ends them. */
import { ConnectError } from "@connectrpc/connect";
import { type CaughtRefusal, takeApart } from "./refusals.ts";

/** What came of a stream so far. */
export type OpenStream = {
  readonly got: readonly string[];
  /** Resolves with the first message. */
  readonly begun: Promise<void>;
  /** Resolves when the stream has ended: `null` if it ended well. */
  readonly ended: Promise<CaughtRefusal | null>;
};

/** Reads a stream in the background. */
export function open(messages: AsyncIterable<{ readonly value: string }>): OpenStream {
  const got: string[] = [];
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  async function readAll(): Promise<CaughtRefusal | null> {
    try {
      for await (const { value } of messages) {
        got.push(value);
        begin();
      }
      return null;
    } catch (error) {
      return takeApart(ConnectError.from(error));
    }
  }
  return { got, begun, ended: readAll() };
}

/** Requests that a test sends one by one. */
export function createRequests() {
  const queue: { value: string }[] = [];
  let isOver = false;
  let wake = () => {};
  async function* messages() {
    for (;;) {
      const next = queue.shift();
      if (next !== undefined) yield next;
      else if (isOver) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  return {
    messages: messages(),
    send(value: string) {
      queue.push({ value });
      wake();
    },
    finish() {
      isOver = true;
      wake();
    },
  };
}
