import { hashPermitsOf } from "../passwords/password-hasher.ts";
import { WorkerFailed } from "../workers/crew.ts";
import { createSupervisor, type Supervisor } from "../workers/supervisor.ts";
import { createStartWorker } from "../workers/worker-process.ts";
import { type Context, say } from "./context.ts";
import { explainListening } from "./listening-fault.ts";

/** Watches over the processes that serve, until it is told to stop. */
export async function serveWithWorkers({ config, log }: Context): Promise<void> {
  const startWorker = createStartWorker(programOf(process.argv));
  const supervisor = createSupervisor({ config, log, startWorker, hashPermits: hashPermitsOf(config) });
  try {
    await supervisor.start();
    const stopped = stopOnSignal(supervisor);
    const { url } = await supervisor.listen();
    say(`sallyport listening on ${url}`);
    const allWell = await Promise.race([stopped, supervisor.lost]);
    if (!allWell) process.exitCode = 1;
  } catch (error) {
    await supervisor.close();
    if (!(error instanceof WorkerFailed) || error.code === null) throw explainListening(error, config);
    // It has said why.
    process.exitCode = error.code;
  }
}

/** Resolves when all is stopped, after a signal said so: whether all workers ended as they should. */
function stopOnSignal(supervisor: Supervisor): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const stop = () => {
      if (isStopping) {
        // Whoever asks twice does not want to wait.
        supervisor.kill();
        process.exit(1);
      }
      isStopping = true;
      supervisor.close().then(resolve, reject);
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}

/** The file that Node was started with. */
function programOf([, program]: readonly string[]): string {
  if (program === undefined) throw new Error("there is no program to start workers by");
  return program;
}
