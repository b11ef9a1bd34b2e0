import type { Command } from "commander";
import { createApp } from "../app.ts";
import type { Config } from "../config.ts";
import { databaseFile } from "../database.ts";
import { refuseDamage } from "../store/sqlite/inspect-file.ts";
import { forOperator, notingNewDatabase, readContext, say } from "./context.ts";
import { examples } from "./examples.ts";
import { settingsHelp } from "./settings-help.ts";

/** `sallyport serve`: the service, until it is told to stop. */
export function addServeCommand(program: Command, options: { readonly isDefault: boolean }): void {
  program
    .command("serve", options)
    .description("serve the contract on one port until SIGTERM; makes the database and its keys where there are none")
    .addHelpText(
      "after",
      examples(
        ["sallyport serve", "serve on http://127.0.0.1:8080, with the data in ./data"],
        ["SALLYPORT_DATA_DIR=/var/lib/sallyport SALLYPORT_PORT=9090 sallyport serve", "elsewhere, and on another port"],
      ),
    )
    .addHelpText("after", settingsHelp())
    .action(serve);
}

async function serve(): Promise<void> {
  const context = readContext();
  if (context.config.database === null) refuseDamage(databaseFile(context.config));
  // A warning: once in the life of an installation it is expected, and every other time a disaster.
  const kind = context.config.database === null ? "data_dir" : "database";
  const note = (place: string) =>
    context.log.warn({ event: "database_made", [kind]: place }, "there was no database; made a new one");
  const start = () => forOperator(context.config, () => createApp(context));
  const app = await notingNewDatabase(context.config, note, start);
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
  ["EAI_AGAIN", "its name cannot be looked up; set SALLYPORT_HOST to an address of this machine"],
  ["ENOTFOUND", "there is no such host; set SALLYPORT_HOST to an address of this machine"],
]);
