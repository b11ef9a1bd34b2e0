import { type Command, Option } from "commander";
import { lowerPoolThreads } from "../lib/background-threads.ts";
import { readContext, say } from "./context.ts";
import { examples } from "./examples.ts";
import { explainListening } from "./listening-fault.ts";
import { openService } from "./open-service.ts";
import { serveAsWorker } from "./serve-as-worker.ts";
import { serveWithWorkers } from "./serve-with-workers.ts";
import { settingsHelp } from "./settings-help.ts";

/** `sallyport serve`: the service, until it is told to stop. */
export function addServeCommand(program: Command, options: { readonly isDefault: boolean }): void {
  program
    .command("serve", options)
    .description("serve the contract on one port until SIGTERM; makes the database and its keys where there are none")
    .addOption(new Option("--worker <number>", "told to a worker by its supervisor").argParser(Number).hideHelp())
    .addHelpText(
      "after",
      examples(
        ["sallyport serve", "serve on http://127.0.0.1:8080, with the data in ./data"],
        ["SALLYPORT_DATA_DIR=/var/lib/sallyport SALLYPORT_PORT=9090 sallyport serve", "elsewhere, and on another port"],
        ["SALLYPORT_WORKERS=2 sallyport serve", "by two processes, for two cores"],
      ),
    )
    .addHelpText("after", settingsHelp())
    .action(serve);
}

async function serve({ worker }: { readonly worker?: number }): Promise<void> {
  if (worker !== undefined) return serveAsWorker(worker);
  const context = readContext();
  if (context.config.workers > 1) return serveWithWorkers(context);
  await lowerPoolThreads();
  const app = await openService(context);
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
    throw explainListening(error, context.config);
  }
  await stopped;
}
