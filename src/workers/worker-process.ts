/** One worker, as its supervisor sees it: a child process that is told things and tells. */
import { fork } from "node:child_process";
import type { Socket } from "node:net";
import { readToSupervisor, type ToSupervisor, type ToWorker } from "./messages.ts";

/** How a process ended; both are `null` if it could not be started. */
export type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A process that was started. */
export type WorkerProcess = {
  readonly pid: number | undefined;
  readonly tell: (message: ToWorker) => void;
  /** Hands over a connection, and keeps it, too. */
  readonly hand: (id: number, socket: Socket) => void;
  readonly kill: () => void;
  /** When it is gone and everything that it had told has been heard. */
  readonly ended: Promise<Ending>;
};

/** Starts a worker; `hear` is called with whatever it tells. */
export type StartWorker = (number: number, hear: (message: ToSupervisor) => void) => WorkerProcess;

/** Starts workers by the program that this process was started by, with what Node was told for it. */
export function createStartWorker(program: string): StartWorker {
  return function startWorker(number, hear) {
    const args = ["serve", "--worker", String(number)];
    const child = fork(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const ended = new Promise<Ending>((resolve) => {
      // Not `exit`: what it told last may still be on its way then.
      child.once("close", (code, signal) => resolve({ code, signal }));
      child.on("error", () => {
        if (child.pid === undefined) resolve({ code: null, signal: null });
      });
    });
    child.on("message", (message) => hear(readToSupervisor(message)));
    // Whoever cannot be told is about to end.
    const unheard = () => {};
    return {
      pid: child.pid,
      tell: (message) => void child.send(message, unheard),
      hand: (id, socket) =>
        void child.send({ kind: "connection", id } satisfies ToWorker, socket, { keepOpen: true }, unheard),
      kill: () => void child.kill("SIGKILL"),
      ended,
    };
  };
}
