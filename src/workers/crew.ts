/**
 * The worker processes: started together, replaced when they die, stopped together.
 * Knows nothing of what they do, but that they say when they are ready.
 */
import { LIMITS } from "../config.ts";
import type { Log } from "../log.ts";
import type { ToSupervisor } from "./messages.ts";
import type { Ending, StartWorker, WorkerProcess } from "./worker-process.ts";

/** A worker that runs. */
export type Member = { readonly number: number; readonly process: WorkerProcess };

/** All workers. */
export type Crew = {
  /** Starts every worker; the first opens the database alone, since it makes what is not there yet. @throws WorkerFailed */
  readonly start: () => Promise<void>;
  /** Stops every worker in good order, or by force if that takes too long; whether all ended as they should. */
  readonly stop: () => Promise<boolean>;
  /** Ends every worker at once. */
  readonly kill: () => void;
  /** Rejects when no worker is left, and none of those that were to replace them came up. */
  readonly lost: Promise<never>;
};

/** A worker that ended before it could serve; if by itself, it has said why. */
export class WorkerFailed extends Error {
  override readonly name = "WorkerFailed";
  /** The exit code; `null` if it was ended from outside. */
  readonly code: number | null;

  constructor(number: number, { code, signal }: Ending) {
    const how = code === null ? (signal ?? "the system could not start it") : `exit code ${code}`;
    super(`worker ${number} ended before it could serve (${how})`);
    this.code = code === 0 ? null : code;
  }
}

/** A worker that was started; resolves once it is ready. */
type Start = { readonly open: (isFirst: boolean) => Promise<void> };

type CrewDeps = {
  readonly size: number;
  readonly startWorker: StartWorker;
  readonly shutdownDelayMs: number;
  readonly log: Log;
  /** Milliseconds of a clock that only moves forward. */
  readonly tick: () => number;
  /** Told of each worker that was started, */
  readonly joined: (member: Member) => void;
  /** of what it tells, */
  readonly heard: (member: Member, message: ToSupervisor) => void;
  /** and when it is gone. */
  readonly left: (member: Member) => void;
};

/** One that died after so long is replaced at once, in milliseconds; */
const STEADY_MS = 60_000;
/** one that did not live so long after a wait, the first and the longest. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;
/** What a worker may take to stop beyond the time that it takes itself, in milliseconds. */
const STOP_MARGIN_MS = 5_000;

/** Workers that have not been started. */
export function createCrew(deps: CrewDeps): Crew {
  const { size, startWorker, shutdownDelayMs, log, tick, joined, heard, left } = deps;
  let phase: "starting" | "serving" | "stopping" = "starting";
  /** By their numbers; true of those that are ready. */
  const members = new Map<Member, boolean>();
  const waits = new Set<NodeJS.Timeout>();
  let allWell = true;
  /** Starts that failed since a worker was ready last. */
  let failedStarts = 0;
  let fail: (error: WorkerFailed) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Whoever wants to know waits for it; nobody has to.
  lost.catch(() => {});

  /** Starts the worker of a number, which waits to be told to open the database. `failures`: how often it died lately. */
  function begin(number: number, failures: number): Start {
    const beganAt = tick();
    let becomeReady = () => {};
    const ready = new Promise<void>((resolve) => {
      becomeReady = resolve;
    });
    const child = startWorker(number, (message) => {
      if (message.kind === "taking") {
        members.set(member, true);
        failedStarts = 0;
        becomeReady();
      }
      heard(member, message);
    });
    const member: Member = { number, process: child };
    members.set(member, false);
    joined(member);
    void child.ended.then((ending) => end(member, ending, tick() - beganAt > STEADY_MS ? 0 : failures));
    return {
      async open(isFirst) {
        child.tell({ kind: "open", isFirst });
        await ready;
      },
    };
  }

  function end(member: Member, ending: Ending, failures: number): void {
    const { number, process } = member;
    const wasReady = members.get(member) === true;
    failedStarts = wasReady ? 0 : failedStarts + 1;
    members.delete(member);
    left(member);
    const isWell = ending.code === 0;
    if (phase === "starting") {
      fail(new WorkerFailed(number, ending));
      return;
    }
    const line = { event: "worker_ended", worker: number, pid: process.pid, ...ending };
    if (!isWell) log.error(line, "a worker ended that should not have");
    if (phase === "stopping") {
      allWell &&= isWell;
      return;
    }
    if (isWell) log.info(line);
    if (!wasReady && ![...members.values()].includes(true) && failedStarts >= size)
      fail(new WorkerFailed(number, ending));
    else replace(number, isWell ? 0 : failures);
  }

  function replace(number: number, failures: number): void {
    const waitMs = failures === 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
    const timer = setTimeout(() => {
      waits.delete(timer);
      const { open } = begin(number, failures + 1);
      void open(false).then(() => log.info({ event: "worker_replaced", worker: number }));
    }, waitMs);
    waits.add(timer);
  }

  function kill(): void {
    for (const { process } of members.keys()) process.kill();
  }

  return {
    lost,
    kill,
    async start() {
      const [first, ...others] = Array.from({ length: size }, (_, index) => begin(index + 1, 0));
      await Promise.race([first?.open(true), lost]);
      await Promise.race([Promise.all(others.map(({ open }) => open(false))), lost]);
      phase = "serving";
    },
    async stop() {
      phase = "stopping";
      for (const timer of waits) clearTimeout(timer);
      waits.clear();
      const stopping = [...members.keys()];
      for (const { process } of stopping) process.tell({ kind: "stop" });
      const timer = setTimeout(
        () => {
          log.error({ event: "workers_cut_off" }, "workers did not stop in time");
          kill();
        },
        shutdownDelayMs + LIMITS.shutdownMs + STOP_MARGIN_MS,
      );
      await Promise.all(stopping.map(({ process }) => process.ended));
      clearTimeout(timer);
      return allWell;
    },
  };
}
