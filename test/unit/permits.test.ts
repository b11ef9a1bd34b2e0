import { describe, expect, it } from "vitest";
import { createPermits, PermitsExhausted } from "../../src/lib/permits.ts";

/** Work that starts when it may and ends when the test says so. */
function workToEnd() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let starts = 0;
  const work = () => {
    starts += 1;
    return promise;
  };
  return { work, end: resolve, fail: reject, started: () => starts > 0, starts: () => starts };
}

/** Lets everything happen that needs no time. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("permits", () => {
  it("yield what the work yields", async () => {
    const permits = createPermits({ permits: 1, queue: 0 });
    expect(await permits.run(async () => "done")).toBe("done");
    expect([permits.running(), permits.waiting()]).toEqual([0, 0]);
  });

  it("pass on the failure of the work, and are free again", async () => {
    const permits = createPermits({ permits: 1, queue: 0 });
    await expect(permits.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await permits.run(async () => "next")).toBe("next");
  });

  it("are free again after work that throws before it begins", async () => {
    const permits = createPermits({ permits: 1, queue: 0 });
    const work = () => {
      throw new Error("at once");
    };
    await expect(permits.run(work)).rejects.toThrow("at once");
    expect(permits.running()).toBe(0);
  });

  it("let no more run at once than there are", async () => {
    const permits = createPermits({ permits: 2, queue: 10 });
    const works = Array.from({ length: 5 }, workToEnd);
    const outcomes = works.map(({ work }) => permits.run(work));
    await settle();
    expect(works.map(({ started }) => started())).toEqual([true, true, false, false, false]);
    expect([permits.running(), permits.waiting()]).toEqual([2, 3]);
    works[1]?.end("b");
    await settle();
    expect(works.map(({ started }) => started())).toEqual([true, true, true, false, false]);
    for (const { end } of works) end("x");
    await Promise.all(outcomes);
    expect([permits.running(), permits.waiting()]).toEqual([0, 0]);
  });

  it("start who waits in the order of arrival, before anyone who comes later", async () => {
    const permits = createPermits({ permits: 1, queue: 10 });
    const order: string[] = [];
    const noting = (name: string) => async () => {
      order.push(name);
    };
    const first = workToEnd();
    const running = permits.run(first.work);
    const waiting = ["a", "b", "c"].map((name) => permits.run(noting(name)));
    first.end("over");
    const late = running.then(() => permits.run(noting("late")));
    await Promise.all([...waiting, late]);
    expect(order.slice(0, 2)).toEqual(["a", "b"]);
    expect(order.indexOf("late")).toBeGreaterThan(0);
    expect(order.filter((name) => name !== "late")).toEqual(["a", "b", "c"]);
  });
});

describe("a full queue", () => {
  it("refuses at once and starts nothing", async () => {
    const permits = createPermits({ permits: 1, queue: 1 });
    const [running, waiting, refused] = [workToEnd(), workToEnd(), workToEnd()];
    const outcomes = [permits.run(running.work), permits.run(waiting.work)];
    await expect(permits.run(refused.work)).rejects.toBeInstanceOf(PermitsExhausted);
    for (const { end } of [running, waiting, refused]) end("x");
    await Promise.all(outcomes);
    expect(refused.started()).toBe(false);
  });

  it("can be asked about beforehand, and counts whom it refuses then", async () => {
    const permits = createPermits({ permits: 1, queue: 1 });
    const [running, waiting] = [workToEnd(), workToEnd()];
    const outcomes = [permits.run(running.work)];
    expect(permits.hasRoom()).toBe(true);
    outcomes.push(permits.run(waiting.work));
    expect(permits.hasRoom()).toBe(false);
    expect([permits.running(), permits.waiting(), permits.refused()]).toEqual([1, 1, 1]);
    for (const { end } of [running, waiting]) end("x");
    await Promise.all(outcomes);
    expect(permits.hasRoom()).toBe(true);
    expect(permits.refused()).toBe(1);
  });

  it("of no places refuses whoever would have to wait", async () => {
    const permits = createPermits({ permits: 1, queue: 0 });
    const running = workToEnd();
    const outcome = permits.run(running.work);
    await expect(permits.run(async () => "x")).rejects.toBeInstanceOf(PermitsExhausted);
    running.end("x");
    await outcome;
    expect(await permits.run(async () => "x")).toBe("x");
  });

  it("has a place again when somebody left it", async () => {
    const permits = createPermits({ permits: 1, queue: 1 });
    const running = workToEnd();
    const outcome = permits.run(running.work);
    const leaving = new AbortController();
    const left = permits.run(async () => "x", leaving.signal);
    leaving.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    const waiting = permits.run(async () => "y");
    running.end("x");
    expect([await outcome, await waiting]).toEqual(["x", "y"]);
  });
});

describe("an abort", () => {
  it("before the call starts nothing, even if a permit is free", async () => {
    const permits = createPermits({ permits: 1, queue: 1 });
    const work = workToEnd();
    await expect(permits.run(work.work, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    expect(work.started()).toBe(false);
    expect(permits.running()).toBe(0);
  });

  it("takes a waiter out of the queue for good", async () => {
    const permits = createPermits({ permits: 1, queue: 5 });
    const [running, leaver, next] = [workToEnd(), workToEnd(), workToEnd()];
    const leaving = new AbortController();
    const outcome = permits.run(running.work);
    const left = permits.run(leaver.work, leaving.signal);
    const after = permits.run(next.work);
    leaving.abort(new Error("gone"));
    expect(permits.waiting()).toBe(1);
    await expect(left).rejects.toThrow("gone");
    running.end("x");
    next.end("y");
    expect([await outcome, await after]).toEqual(["x", "y"]);
    expect(leaver.started()).toBe(false);
  });

  it("of whoever asked for running work answers at once, and the work keeps its permit until it is done", async () => {
    const permits = createPermits({ permits: 1, queue: 5 });
    const [running, next] = [workToEnd(), workToEnd()];
    const leaving = new AbortController();
    const left = permits.run(running.work, leaving.signal);
    const after = permits.run(next.work);
    leaving.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await settle();
    expect(next.started()).toBe(false);
    expect(permits.running()).toBe(1);
    running.end("x");
    await settle();
    expect(next.started()).toBe(true);
    next.end("y");
    expect(await after).toBe("y");
  });

  it("leaves no failure of abandoned work unhandled", async () => {
    const permits = createPermits({ permits: 1, queue: 0 });
    const running = workToEnd();
    const leaving = new AbortController();
    const left = permits.run(running.work, leaving.signal);
    leaving.abort(new Error("gone"));
    running.fail(new Error("nobody listens"));
    await expect(left).rejects.toThrow("gone");
    await settle();
    expect(permits.running()).toBe(0);
  });

  it("after the end changes nothing", async () => {
    const permits = createPermits({ permits: 1, queue: 0 });
    const leaving = new AbortController();
    expect(await permits.run(async () => "x", leaving.signal)).toBe("x");
    leaving.abort();
    expect(await permits.run(async () => "y")).toBe("y");
  });
});
