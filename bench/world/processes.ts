/** Starts and ends the processes of a run. Whatever was started ends with the run, however that ends. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A server that listens. */
export type Served = {
  readonly pid: number;
  readonly port: number;
  /** Where its log goes; `null` if that is nowhere. */
  readonly logFile: string | null;
  /** What else it told. */
  readonly facts: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
};

/** So many windows long is the one in which a new process is measured: full collections come every two or three seconds. */
export const LENGTH_ANEW = 2;
/** How long a process may take to end in good order, in milliseconds. */
const PATIENCE_MS = 10_000;
/** Only for the end: nobody waits for balancers here. */
const NO_DELAY = { SALLYPORT_SHUTDOWN_DELAY_SECONDS: "0" };
const started = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});
// Else there would be no such event.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

/** A child process out of one of our own files, which talks to us. Its faults are seen. */
export function startPart(file: string, args: readonly string[] = []): ChildProcess {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  return kept(fork(path, [...args], { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"] }));
}

/** A contestant: waits until it tells where it listens. */
export async function startContestant(file: string, args: readonly string[]): Promise<Served> {
  const child = startPart(file, args);
  const ended = once(child, "exit").then(() => {
    throw new Error(`${file} ended before it listened`);
  });
  ended.catch(() => {});
  const [told] = await Promise.race([once(child, "message"), ended]);
  return { pid: pidOf(child), port: Number(told.port), logFile: null, facts: told.facts, stop: () => end(child) };
}

/** Ours, to be started. */
export type Installation = {
  /** `bin/sallyport.js`. */
  readonly entry: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly logFile: string;
};

/** Starts ours as an operator does: default settings but for those given, and its log in a file. */
export async function startSallyport(
  { entry, settings, logFile }: Installation,
  nodeArgs: readonly string[] = [],
): Promise<Served> {
  const log = openSync(logFile, "a");
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SALLYPORT_"));
  const child = kept(
    spawn(process.execPath, [...nodeArgs, entry, "serve"], {
      env: { ...Object.fromEntries(inherited), ...NO_DELAY, ...settings },
      stdio: ["ignore", "pipe", log],
    }),
  );
  closeSync(log);
  const port = await new Promise<number>((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (chunk) => {
      said += chunk;
      const found = /listening on \S+:(\d+)\n/.exec(said)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once("exit", () => reject(new Error(`sallyport ended before it listened; see ${logFile}`)));
  });
  return { pid: pidOf(child), port, logFile, facts: {}, stop: () => end(child) };
}

function kept(child: ChildProcess): ChildProcess {
  started.add(child);
  child.once("exit", () => started.delete(child));
  return child;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("a process could not be started");
  return pid;
}

/** Ends the process, by force if it takes its time. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
}
