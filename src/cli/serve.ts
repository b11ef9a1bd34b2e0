import type { Command } from "commander";
import { createApp } from "../app.ts";
import { readContext, say } from "./context.ts";

/** `sallyport serve`: the service, until it is told to stop. */
export function addServeCommand(program: Command): void {
  program
    .command("serve", { isDefault: true })
    .description("serve the contract on one port; settings are environment variables, see the README")
    .action(serve);
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
    throw error;
  }
  await stopped;
}
