/** When a worker counts as one that hangs; the processes are told by the test. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLog } from "../../src/log.ts";
import type { Member } from "../../src/workers/crew.ts";
import { createPulse, type Pulse } from "../../src/workers/pulse.ts";

let pulse: Pulse;
let said: Record<string, unknown>[];
let happened: string[];
/** The numbers of those who were asked, each time. */
let asked: number[];

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  [happened, asked] = [[], []];
  const destination = { write: (line: string) => void said.push(JSON.parse(line)) };
  const log = createLog({ level: "info", isTerminal: false, destination });
  pulse = createPulse({ log, onHung: ({ number }) => void happened.push(`hung ${number}`) });
});
afterEach(() => {
  pulse.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A worker that answers, or not. */
function worker(number: number, answers: () => boolean): Member {
  const member: Member = {
    number,
    process: {
      pid: 100 + number,
      tell: ({ kind }) => {
        if (kind !== "are_you_there") throw new Error(`nobody is to be told ${kind}`);
        asked.push(number);
        if (answers()) pulse.felt(member);
      },
      hand: () => {},
      kill: () => void happened.push(`killed ${number}`),
      ended: new Promise(() => {}),
    },
  };
  return member;
}

const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

describe("A worker that serves", () => {
  it("is asked every five seconds, and let be while it answers, for hours", async () => {
    pulse.watch(worker(1, () => true));
    await pass(7200);
    expect(asked).toEqual(Array.from({ length: 1440 }, () => 1));
    expect(happened).toEqual([]);
    expect(said).toEqual([]);
  });

  it("is ended when it has been asked in vain for 30 seconds, and 5 more, and the others are let be", async () => {
    pulse.watch(worker(1, () => true));
    pulse.watch(worker(2, () => false));
    await pass(29);
    expect(said).toEqual([]);
    await pass(1);
    expect(said).toEqual([expect.objectContaining({ event: "worker_silent", level: "warn", worker: 2, pid: 102 })]);
    await pass(4);
    expect(happened).toEqual([]);
    await pass(1);
    expect(happened).toEqual(["hung 2", "killed 2"]);
    expect(said.slice(1)).toEqual([
      expect.objectContaining({ event: "worker_hung", level: "error", worker: 2, pid: 102 }),
    ]);
  });

  it("is ended once only, however long the system takes for it", async () => {
    pulse.watch(worker(1, () => false));
    await pass(600);
    expect(happened).toEqual(["hung 1", "killed 1"]);
  });

  it("is let be if it tells something at last, whatever that is, and has all its time again then", async () => {
    const member = worker(1, () => false);
    pulse.watch(member);
    for (let again = 0; again < 3; again += 1) {
      await pass(30);
      pulse.felt(member);
    }
    expect(happened).toEqual([]);
    await pass(35);
    expect(happened).toEqual(["hung 1", "killed 1"]);
  });

  it("does not hang because the machine stood still, by whatever clock", async () => {
    pulse.watch(worker(1, () => false));
    await pass(20);
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 3_600_000);
    await pass(10);
    expect(happened).toEqual([]);
    expect(asked).toHaveLength(6);
  });
});

describe("A worker that does not serve", () => {
  it("is not asked: neither before it is watched, nor when it is gone", async () => {
    const member = worker(1, () => false);
    pulse.felt(member);
    await pass(60);
    expect(asked).toEqual([]);
    pulse.watch(member);
    await pass(20);
    pulse.forget(member);
    await pass(60);
    expect(asked).toHaveLength(4);
    expect(happened).toEqual([]);
  });

  it("is not asked once all is over", async () => {
    pulse.watch(worker(1, () => false));
    pulse.stop();
    await pass(60);
    expect(asked).toEqual([]);
  });
});
