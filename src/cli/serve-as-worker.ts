import { lowerPoolThreads } from "../lib/background-threads.ts";
import { hashPermitsOf, hashPlacesOf } from "../passwords/password-hasher.ts";
import { createWorkerLink } from "../workers/worker-link.ts";
import { CommandFault } from "./command-fault.ts";
import { readContext } from "./context.ts";
import { openBeside, openService } from "./open-service.ts";

/** The service in worker `number` of several processes, until the supervisor that started it says so, or is gone. */
export async function serveAsWorker(number: number): Promise<void> {
  if (process.send === undefined)
    throw new CommandFault(2, "--worker is for processes that a supervisor starts; set SALLYPORT_WORKERS instead");
  const context = readContext({ worker: number });
  const { config, log } = context;
  // Until it serves there is nothing to finish.
  let stop: () => void = () => process.exit(0);
  const link = createWorkerLink({
    channel: process,
    port: config.port,
    hashPlaces: hashPlacesOf(hashPermitsOf(config), config.workers),
    onStop: () => stop(),
    onOrphaned() {
      log.error({ event: "supervisor_gone" }, "the supervisor is gone, and this worker ends");
      process.exit(1);
    },
  });
  // A terminal, or whoever stops a group of processes, tells each. The second signal is for the supervisor to heed.
  process.on("SIGTERM", () => stop()).on("SIGINT", () => stop());
  try {
    const { isFirst } = await link.mayOpen;
    const open = isFirst ? openService : openBeside;
    await lowerPoolThreads();
    const app = await open(context, { ...link, sweeps: number === 1 });
    await app.listen();
    await new Promise<void>((resolve, reject) => {
      stop = () => {
        stop = () => {};
        app.close().then(resolve, reject);
      };
    });
  } finally {
    link.end();
  }
}
