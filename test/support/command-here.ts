/** The command line in this process, for what its options and answers are: a start of its own costs most of a second. */
import { Readable } from "node:stream";
import { vi } from "vitest";
import { main } from "../../src/main.ts";
import type { Ran } from "./installation.ts";
import { commandEnvironment } from "./server-process.ts";

let last: Promise<unknown> = Promise.resolve();

/** As `runCommand` does it, one at a time: the standard streams and the environment are this process's. */
export function runHere(args: readonly string[], settings: Readonly<Record<string, string>>, input = ""): Promise<Ran> {
  const run = last.then(() => runAlone(args, settings, input));
  last = run.catch(() => undefined);
  return run;
}

async function runAlone(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  input: string,
): Promise<Ran> {
  const { env, exitCode } = process;
  const watching = process.stdout.listeners("error");
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      said[stream] += text;
      return true;
    }),
  );
  const given = Object.getOwnPropertyDescriptor(process, "stdin");
  Object.defineProperty(process, "stdin", { configurable: true, value: Readable.from([input]) });
  process.env = commandEnvironment(settings);
  process.exitCode = undefined;
  try {
    await main([process.execPath, "sallyport", ...args]);
    return { code: Number(process.exitCode ?? 0), ...said };
  } finally {
    process.env = env;
    process.exitCode = exitCode;
    if (given !== undefined) Object.defineProperty(process, "stdin", given);
    for (const spy of spies) spy.mockRestore();
    process.stdout.removeAllListeners("error");
    for (const listener of watching) process.stdout.on("error", (error) => listener.call(process.stdout, error));
  }
}
