import { describe, expect, it } from "vitest";
import { begunUnlessAborted, cutRequests, cutResponses } from "../../src/verifier/connect/cut-stream.ts";

const REASON = new Error("it is over");

async function* count(left: string[] = []) {
  try {
    for (let next = 1; ; next += 1) yield next;
  } finally {
    left.push("left");
  }
}

describe("Messages that a handler sends", () => {
  it("pass until the signal aborts, and then the handler leaves, though nobody asks for more", async () => {
    const [left, ends, controller]: [string[], string[], AbortController] = [[], [], new AbortController()];
    const cut = cutResponses(count(left), controller.signal, () => ends.push("end"));
    expect([(await cut.next()).value, (await cut.next()).value]).toEqual([1, 2]);
    controller.abort(REASON);
    await Promise.resolve();
    expect(left).toEqual(["left"]);
    await expect(cut.next()).rejects.toBe(REASON);
    expect(ends).toEqual(["end"]);
  });

  it("end at once though the handler waits for something else, whose fault then stays its own", async () => {
    const controller = new AbortController();
    let fail = (_reason: Error) => {};
    const stuck = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<number>>((_resolve, reject) => {
            fail = reject;
          }),
      }),
    };
    const next = cutResponses(stuck, controller.signal, () => {}).next();
    controller.abort(REASON);
    await expect(next).rejects.toBe(REASON);
    fail(new Error("a fault that nobody waits for"));
  });

  it("end with the fault of the handler, and make it leave when nobody wants them", async () => {
    const fault = new Error("a fault");
    const { signal } = new AbortController();
    const ends: string[] = [];
    const faulty = (async function* () {
      yield 1;
      throw fault;
    })();
    const cut = cutResponses(faulty, signal, () => ends.push("end"));
    await cut.next();
    await expect(cut.next()).rejects.toBe(fault);
    const left: string[] = [];
    const unwanted = cutResponses(count(left), signal, () => ends.push("end"));
    await unwanted.next();
    await unwanted.return();
    expect([left, ends]).toEqual([["left"], ["end", "end"]]);
  });
});

describe("Messages that a handler reads", () => {
  it("pass until the signal aborts, and their source is left as it is", async () => {
    const [left, controller]: [string[], AbortController] = [[], new AbortController()];
    const cut = cutRequests(count(left), controller.signal)[Symbol.asyncIterator]();
    expect(await cut.next()).toEqual({ done: false, value: 1 });
    controller.abort(REASON);
    await expect(cut.next()).rejects.toBe(REASON);
    expect(left).toEqual([]);
  });

  it("are given up where the handler gives them up", async () => {
    const left: string[] = [];
    for await (const _ of cutRequests(count(left), new AbortController().signal)) break;
    expect(left).toEqual(["left"]);
  });
});

describe("What may be aborted", () => {
  it("does not begin behind an aborted signal", async () => {
    let hasBegun = false;
    const begin = async () => {
      hasBegun = true;
    };
    await expect(begunUnlessAborted(AbortSignal.abort(REASON), begin)).rejects.toBe(REASON);
    expect(hasBegun).toBe(false);
  });

  it("leaves nothing behind at a signal that outlives it", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...listened: Parameters<typeof add>) => {
      listeners += 1;
      add(...listened);
    };
    signal.removeEventListener = (...listened: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...listened);
    };
    const cut = cutRequests(count(), signal)[Symbol.asyncIterator]();
    for (let message = 1; message <= 100; message += 1) expect((await cut.next()).value).toBe(message);
    await expect(begunUnlessAborted(signal, () => Promise.reject(REASON))).rejects.toBe(REASON);
    expect(listeners).toBe(0);
  });
});
