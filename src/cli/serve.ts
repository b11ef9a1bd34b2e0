import type { Command } from "commander";
import { createApp } from "../app.ts";
import type { Config } from "../config.ts";
import { readContext, say } from "./context.ts";

/** `sallyport serve`: the service, until it is told to stop. */
export function addServeCommand(program: Command): void {
  program
    .command("serve", { isDefault: true })
    .description("serve the contract on one port; settings are environment variables, see the README")
    .allowExcessArguments()
    .action((_options, command: Command) => {
      // As the default command this one is given whatever names no other.
      const [unknown] = command.args;
      if (unknown !== undefined) command.error(`error: unknown command '${unknown}'; sallyport --help lists all`);
      return serve();
    });
}

async function serve(): Promise<void> {
  const context = readContext();
  const app = await createApp(context);
  const stopped = new Promise<void>((resolve, reject) => {
    let isStopping = false;
    const stop = () => {
      // Whoever asks twice does not want to wait.
      if (isStopping) process.exit(1);
      isStopping = true;
      app.close().then(resolve, reject);
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
  try {
    const { url } = await app.listen();
    say(`sallyport listening on ${url}`);
  } catch (error) {
    await app.close();
    throw explain(error, context.config);
  }
  await stopped;
}

/** What to do if the address cannot be listened on; any other error as it is. */
function explain(error: unknown, { host, port }: Pick<Config, "host" | "port">): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const advice = typeof error.code === "string" ? ADVICE.get(error.code) : undefined;
  return advice === undefined ? error : new Error(`cannot listen on ${host} port ${port}: ${advice}`, { cause: error });
}

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "another process does; stop that one, or set SALLYPORT_PORT to another port (0 takes a free one)"],
  ["EACCES", "this user may not; set SALLYPORT_PORT to a port above 1023"],
  ["EADDRNOTAVAIL", "this machine has no such address; set SALLYPORT_HOST to one that it has"],
  ["ENOTFOUND", "there is no such host; set SALLYPORT_HOST to an address of this machine"],
]);
