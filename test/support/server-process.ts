/** The service as an operator runs it: a process of its own, from the entry, over its settings alone. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { TEST_SETTINGS } from "./app.ts";

/** The command, as `npx sallyport` runs it. */
export const ENTRY = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));
/** Spares each of many processes the compiling of the same modules: almost half of what a start costs. */
const COMPILED = fileURLToPath(new URL("../../node_modules/.cache/compiled", import.meta.url));

/** A server process that listens. */
export type ServerProcess = {
  readonly url: string;
  readonly process: ChildProcess;
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  /** Sends a signal and waits for the end; the exit code and the signal that ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<{ readonly code: number | null; readonly signal: string | null }>;
};

/** Starts `sallyport serve` and waits until it listens; `under` is a program that runs it, with its arguments. */
export async function startServerProcess(
  settings: Readonly<Record<string, string>>,
  under: readonly string[] = [],
): Promise<ServerProcess> {
  const child = startCommand(["serve"], settings, under);
  const { stdout, stderr } = collect(child);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", () => {
      const found = /^sallyport listening on (\S+)\n/.exec(stdout())?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code} before it listened: ${stderr()}`)));
  });
  return {
    url,
    process: child,
    output: () => ({ stdout: stdout(), stderr: stderr() }),
    async end(signal) {
      // Not `exit`: what it wrote last may still be on its way.
      const ended = once(child, "close");
      child.kill(signal);
      const [code, by] = await ended;
      return { code, signal: by };
    },
  };
}

/** Runs a command to its end, with `input` on standard input; `under` is a program that runs it. */
export async function runCommand(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  input = "",
  under: readonly string[] = [],
) {
  const child = startCommand(args, settings, under);
  const { stdout, stderr } = collect(child);
  child.stdin?.end(input);
  const [code] = await once(child, "close");
  return { code: Number(code), stdout: stdout(), stderr: stderr() };
}

function startCommand(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  under: readonly string[],
): ChildProcess {
  const [program = process.execPath, ...words] = [...under, process.execPath, ENTRY, ...args];
  return spawn(program, words, { env: commandEnvironment(settings), stdio: "pipe" });
}

/** What a command finds in its environment: the settings of tests and those given, none of whoever runs the tests. */
export function commandEnvironment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("SALLYPORT_"));
  return { ...Object.fromEntries(inherited), NODE_COMPILE_CACHE: COMPILED, ...TEST_SETTINGS, ...settings };
}

function collect(child: ChildProcess) {
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  return { stdout: () => out, stderr: () => err };
}
