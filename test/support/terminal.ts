/** A command at a terminal: a real pseudo-terminal where the system can make one, else an input that passes for one. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { commandEnvironment, ENTRY } from "./server-process.ts";

const FAKE = fileURLToPath(new URL("./fake-terminal.ts", import.meta.url));

/** Whether `script` of util-linux is there, which gives a command a pseudo-terminal. */
const hasScript = /util-linux/.test(spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "");

/** Runs a command at a terminal; whenever it has asked one of the questions, what is typed in answer. */
export async function runAtTerminal(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ readonly code: number; readonly screen: string }> {
  const [command = "", ...rest] = commandLine(args);
  const child = spawn(command, rest, { env: commandEnvironment(settings), stdio: "pipe" });
  const left = [...answers];
  let screen = "";
  let answered = 0;
  const onText = (text: string) => {
    screen += text;
    const [next] = left;
    if (next === undefined || !screen.includes(next[0], answered)) return;
    answered = screen.length;
    left.shift();
    child.stdin.write(next[1]);
    // A real terminal stays; what only passes for one would keep the process waiting.
    if (left.length === 0 && !hasScript) child.stdin.end();
  };
  child.stdout.setEncoding("utf8").on("data", onText);
  child.stderr.setEncoding("utf8").on("data", onText);
  const [code] = await once(child, "close");
  return { code: Number(code), screen };
}

function commandLine(args: readonly string[]): readonly string[] {
  if (!hasScript) return [process.execPath, "--import", FAKE, ENTRY, ...args];
  const quoted = [process.execPath, ENTRY, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return ["script", "--quiet", "--flush", "--return", "--command", quoted.join(" "), "/dev/null"];
}
