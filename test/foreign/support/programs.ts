/** Programs of this machine: where they are, and what they say. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The first executable of this name in the folders of PATH, or in the others given; null if there is none. */
export function findProgram(name: string, moreFolders: readonly string[] = []): string | null {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...moreFolders].filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a program said, and how it ended. */
export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

type RunOptions = { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string };

/** Runs a program to its end. Rejects only if it cannot be started. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env, input = "" }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  // A program that does not read its input closes it first.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

/** Runs a program that must succeed; what it printed. */
export async function mustRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args[0] ?? ""} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}
