/** When workers are started, replaced and given up; the processes are told by the test. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLog } from "../../src/log.ts";
import { type Crew, createCrew } from "../../src/workers/crew.ts";
import type { ToSupervisor, ToWorker } from "../../src/workers/messages.ts";
import type { Ending, WorkerProcess } from "../../src/workers/worker-process.ts";

/** A process that does nothing but what the test has it do. */
type Puppet = {
  readonly number: number;
  readonly told: string[];
  readonly isKilled: () => boolean;
  readonly ready: () => void;
  readonly end: (ending: Partial<Ending>) => Promise<void>;
};

let puppets: Puppet[];
let crew: Crew;
let now: number;
let said: Record<string, unknown>[];

beforeEach(() => {
  vi.useFakeTimers();
  puppets = [];
  said = [];
  now = 0;
  crew = createCrew({
    size: 2,
    startWorker,
    shutdownDelayMs: 1_000,
    log: createLog({
      level: "info",
      isTerminal: false,
      destination: { write: (line) => void said.push(JSON.parse(line)) },
    }),
    tick: () => now,
    joined: () => {},
    heard: () => {},
    left: () => {},
  });
});
afterEach(() => vi.useRealTimers());

function startWorker(number: number, hear: (message: ToSupervisor) => void): WorkerProcess {
  const told: string[] = [];
  let isKilled = false;
  let end: (ending: Ending) => void = () => {};
  const ended = new Promise<Ending>((resolve) => {
    end = resolve;
  });
  puppets.push({
    number,
    told,
    isKilled: () => isKilled,
    ready: () => hear({ kind: "taking" }),
    async end(ending) {
      end({ code: null, signal: null, ...ending });
      await pass(0);
    },
  });
  return {
    pid: number,
    tell: (message: ToWorker) =>
      void told.push(message.kind === "open" && message.isFirst ? "open first" : message.kind),
    hand: () => {},
    kill() {
      isKilled = true;
    },
    ended,
  };
}

/** Lets time pass, in milliseconds, and everything happen that was to happen meanwhile. */
async function pass(ms: number): Promise<void> {
  now += ms;
  await vi.advanceTimersByTimeAsync(ms);
}

const puppet = (index: number): Puppet => {
  const found = puppets.at(index);
  if (found === undefined) throw new Error("there is no such process");
  return found;
};

/** Both workers serve. */
async function serve(): Promise<void> {
  const started = crew.start();
  puppet(0).ready();
  await pass(0);
  puppet(1).ready();
  await started;
}

describe("Workers", () => {
  it("are started at once; one of them opens the database first, and the others when it is ready", async () => {
    const started = crew.start();
    await pass(10_000);
    expect(puppets.map(({ number, told }) => [number, told])).toEqual([
      [1, ["open first"]],
      [2, []],
    ]);
    puppet(0).ready();
    await pass(0);
    expect(puppet(1).told).toEqual(["open"]);
    puppet(1).ready();
    await started;
  });

  it.each([
    ["the first", 0],
    ["another", 1],
  ])("that do not come up are not tried again: %s ends the start, with its exit code", async (_which, index) => {
    const started = crew.start();
    const failed = expect(started).rejects.toMatchObject({ name: "WorkerFailed", code: 2 });
    if (index === 1) puppet(0).ready();
    await pass(0);
    await puppet(index).end({ code: 2 });
    await failed;
    await pass(60_000);
    expect(puppets).toHaveLength(2);
  });

  it.each([
    ["SIGKILL", { signal: "SIGKILL" }],
    ["exit code 0", { code: 0 }],
    ["the system could not start it", {}],
  ] as const)("that do not come up and cannot have said why are spoken for: %s", async (how, ending) => {
    const started = crew.start();
    const failed = expect(started).rejects.toMatchObject({
      code: null,
      message: `worker 1 ended before it could serve (${how})`,
    });
    await puppet(0).end(ending);
    await failed;
  });

  it("are replaced under their number: at once, and after waits that grow if they die again soon", async () => {
    await serve();
    for (const waitMs of [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = puppets.length;
      await puppet(-1).end({ signal: "SIGSEGV" });
      if (waitMs > 0) {
        await pass(waitMs - 1);
        expect(puppets).toHaveLength(before);
      }
      await pass(1);
      expect(puppets).toHaveLength(before + 1);
      expect(puppet(-1)).toMatchObject({ number: 2, told: ["open"] });
      puppet(-1).ready();
      await pass(0);
    }
    await pass(60_001);
    const before = puppets.length;
    await puppet(-1).end({ signal: "SIGSEGV" });
    await pass(1);
    expect(puppets).toHaveLength(before + 1);
    expect(said.filter(({ event }) => event === "worker_ended")).toHaveLength(11);
    expect(said.filter(({ event }) => event === "worker_replaced")).toHaveLength(10);
  });

  it("are given up when none is left, and each of those that were to follow has failed", async () => {
    await serve();
    const lost = expect(crew.lost).rejects.toMatchObject({ name: "WorkerFailed", code: 1 });
    await Promise.all([puppet(0).end({ code: 1 }), puppet(1).end({ code: 1 })]);
    await pass(1);
    expect(puppets).toHaveLength(4);
    await puppet(2).end({ code: 1 });
    await puppet(3).end({ code: 1 });
    await lost;
    await pass(60_000);
    expect(puppets.length).toBeLessThanOrEqual(5);
  });

  it("are not given up while one is left", async () => {
    await serve();
    let isLost = false;
    crew.lost.catch(() => {
      isLost = true;
    });
    await puppet(0).end({ code: 1 });
    for (let times = 0; times < 6; times += 1) {
      await pass(30_001);
      await puppet(-1).end({ code: 1 });
    }
    await pass(30_001);
    expect(isLost).toBe(false);
    expect(puppet(-1).number).toBe(1);
  });

  it("are not given up when the last one ends well while another cannot be had", async () => {
    await serve();
    let isLost = false;
    crew.lost.catch(() => {
      isLost = true;
    });
    await puppet(0).end({ code: 1 });
    for (let times = 0; times < 2; times += 1) {
      await pass(30_001);
      await puppet(-1).end({ code: 1 });
    }
    await puppet(1).end({ code: 0 });
    await pass(1);
    expect(isLost).toBe(false);
    expect(puppet(-1).number).toBe(2);
  });

  it("are all told to stop, and not replaced as they end", async () => {
    await serve();
    const stopped = crew.stop();
    expect(puppets.map(({ told }) => told)).toEqual([
      ["open first", "stop"],
      ["open", "stop"],
    ]);
    await puppet(0).end({ code: 0 });
    await puppet(1).end({ code: 0 });
    expect(await stopped).toBe(true);
    await pass(60_000);
    expect(puppets).toHaveLength(2);
  });

  it("are not followed by those that were about to replace others when all were told to stop", async () => {
    await serve();
    await puppet(0).end({ code: 1 });
    await pass(1);
    await puppet(2).end({ code: 1 });
    const stopped = crew.stop();
    await puppet(1).end({ code: 0 });
    expect(await stopped).toBe(true);
    await pass(60_000);
    expect(puppets).toHaveLength(3);
  });

  it("that do not stop in time are killed, and it is told that not all went well", async () => {
    await serve();
    const stopped = crew.stop();
    await puppet(0).end({ code: 0 });
    await pass(36_000);
    expect(puppets.map(({ isKilled }) => isKilled())).toEqual([false, true]);
    await puppet(1).end({ signal: "SIGKILL" });
    expect(await stopped).toBe(false);
    expect(said.map(({ event }) => event)).toContain("workers_cut_off");
  });
});
