/** A terminal in the folder of an example: commands that end, and servers that are stopped. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { stepsOfExample } from "./example-projects.ts";
import { strangersEnvironment } from "./installed-package.ts";

/** A server that was started by a command. */
export type Served = {
  /** Everything that it has said, on both of its outputs. */
  readonly said: () => string;
  /** Ends it, and whatever stands between it and its shell, as Ctrl-C would; done when the last of them is gone. */
  readonly stop: () => Promise<void>;
};

/** A terminal. */
export type Terminal = {
  /** Runs a command to its end, with `input` to read. @throws Error with all that it said, if it fails */
  readonly run: (command: string, input?: string) => Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** Starts a server, and waits until it has said `sign`. */
  readonly serve: (command: string, sign?: RegExp) => Promise<Served>;
  /** Stops every server that still runs. */
  readonly close: () => Promise<void>;
};

/** Opens a terminal with these variables, and nothing of ours. */
export function openTerminal(cwd: string, variables: Readonly<Record<string, string>>): Terminal {
  const env = { ...strangersEnvironment(), NO_COLOR: "1", FORCE_COLOR: undefined, ...variables };
  const running = new Set<Served>();

  async function serve(command: string, sign = /(listening on|Local:) +\S+\n/): Promise<Served> {
    const shell = spawn("bash", ["-euc", command], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const closed = once(shell, "close");
    let said = "";
    const served: Served = {
      said: () => said,
      async stop() {
        if (!running.delete(served) || shell.pid === undefined) return;
        process.kill(-shell.pid, "SIGTERM");
        await closed;
      },
    };
    running.add(served);
    await new Promise<void>((resolve, reject) => {
      for (const stream of [shell.stdout, shell.stderr])
        stream.setEncoding("utf8").on("data", (text) => {
          said += text;
          if (sign.test(said)) resolve();
        });
      shell.once("close", (code) => {
        running.delete(served);
        reject(new Error(`${command} ended with ${code}:\n${said}`));
      });
    });
    return served;
  }

  return {
    async run(command, input = "") {
      const running = promisify(execFile)("bash", ["-euc", command], { cwd, env });
      running.child.stdin?.end(input);
      return running.catch((error) => {
        throw new Error(`${command} failed:\n${error.stdout}${error.stderr}`, { cause: error });
      });
    },
    serve,
    close: async () => void (await Promise.all([...running].map((served) => served.stop()))),
  };
}

/** What following a README has come to. */
export type Followed = {
  /** The servers that it starts, in their order. */
  readonly servers: readonly Served[];
  /** What the other commands have said, and what the README shows of it. */
  readonly outputs: readonly { readonly said: string; readonly shown: string }[];
};

/** Follows the README of an example, command by command; `adapt` puts other ports into them. */
export async function followReadme(
  folder: string,
  { run, serve }: Terminal,
  adapt = (command: string): string => command,
): Promise<Followed> {
  const servers: Served[] = [];
  const outputs: { said: string; shown: string }[] = [];
  for (const { block, shown } of stepsOfExample(folder)) {
    const command = adapt(block.text);
    if (block.note === "server") servers.push(await serve(command));
    else {
      const { stdout } = await run(command);
      outputs.push(...shown.map(({ text }) => ({ said: stdout, shown: text })));
    }
  }
  return { servers, outputs };
}
