/** A server process, and the command line beside it on the same folder. */
import { rmSync } from "node:fs";
import { expect } from "vitest";
import { temporaryFolder } from "./app.ts";
import { clientsOf } from "./clients.ts";
import { verdictOf } from "./decisions.ts";
import { addUser } from "./folder.ts";
import { acknowledged, expectObeyed } from "./obeyed.ts";
import { runCommand, startServerProcess } from "./server-process.ts";

/** How a command ended. */
export type Ran = Awaited<ReturnType<typeof runCommand>>;

/** A server with an administrator `root`, and commands that share its settings. */
export type Installation = Awaited<ReturnType<typeof startInstallation>>;

/** Starts a server on a folder of its own. Close it when the tests are done. */
export async function startInstallation(settings: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder();
  const all = { SALLYPORT_DATA_DIR: folder, ...settings };
  await addUser(folder, "root", ["admin"], settings);
  const server = await startServerProcess(all);
  const { auth } = clientsOf(server.url);
  const run = (args: readonly string[], input = "") => runCommand(args, all, input);
  const verdictOn = async (accessToken: string) => verdictOf(await auth.authorize({ accessToken }));
  return {
    folder,
    server,
    url: server.url,
    auth,
    run,
    /** Runs a command that must succeed; the moment at which it was done, and what it said. */
    async order(args: readonly string[], input = ""): Promise<{ readonly at: number; readonly stdout: string }> {
      const { value, at } = await acknowledged(run(args, input));
      expect(value, args.join(" ")).toMatchObject({ code: 0, stderr: "" });
      return { at, stdout: value.stdout };
    },
    verdictOn,
    /** Fails unless the server says this of every token within half a second of the command. */
    async expectVerdict(at: number, accessTokens: readonly string[], verdict: string): Promise<void> {
      for (const token of accessTokens) await expectObeyed(at, async () => (await verdictOn(token)) === verdict);
    },
    async close() {
      const end = await server.end("SIGTERM");
      rmSync(folder, { recursive: true });
      expect(end, server.output().stderr).toEqual({ code: 0, signal: null });
    },
  };
}

/** What commands that were refused said on standard error; each ended with the code, and said nothing else. */
export function complaintsOf(code: number, refused: readonly Ran[]): readonly string[] {
  expect(refused.map((one) => [one.code, one.stdout])).toEqual(refused.map(() => [code, ""]));
  return refused.map(({ stderr }) => stderr);
}

/** The JSON values of an output, one a line. */
export function jsonLines(stdout: string): readonly unknown[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}
