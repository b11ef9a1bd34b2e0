/** An installation that an operator works on: a data folder, a service that runs or not, and a shell beside it. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { linkedCheckout } from "./newcomer.ts";
import { commandEnvironment, type ServerProcess, startServerProcess } from "./server-process.ts";
import { pathWithSqlite } from "./sqlite-program.ts";

/** An installation in a folder of its own. */
export type Installation = Awaited<ReturnType<typeof createInstallation>>;

/** An installation whose service listens on `port` when it runs. Nothing runs yet. */
export async function createInstallation(port: number) {
  const folder = linkedCheckout();
  const url = `http://127.0.0.1:${port}`;
  const environment = { ...commandEnvironment({ SALLYPORT_PORT: String(port) }), PATH: pathWithSqlite(folder) };
  let server: ServerProcess | null = null;
  let more: Readonly<Record<string, string>> = {};

  async function stop(): Promise<void> {
    await server?.end("SIGTERM");
    server = null;
  }

  async function start(): Promise<void> {
    server ??= await startServerProcess({
      SALLYPORT_PORT: String(port),
      SALLYPORT_DATA_DIR: join(folder, "data"),
      ...more,
    });
  }

  return {
    folder,
    url,
    start,
    stop,
    /** The log of the service, since its last start. */
    said: () => server?.output().stderr ?? "",
    /** From the next start on. */
    configure(settings: Readonly<Record<string, string>>) {
      more = settings;
    },
    /** Runs what the page says, where it says 8080; what that prints. */
    async shell(text: string): Promise<string> {
      const script = `set -euo pipefail\n${text.replaceAll("8080", String(port))}`;
      return (await promisify(execFile)("bash", ["-c", script], { cwd: folder, env: environment })).stdout;
    },
    /** Runs a command of the page that serves, until `work` is done; what it printed meanwhile. */
    async serving(text: string, work: () => Promise<void>): Promise<string> {
      await stop();
      let said = "";
      const child = spawn("bash", ["-c", text], { cwd: folder, env: environment, detached: true });
      const ended = once(child, "close");
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding("utf8").on("data", (data: string) => {
          said += data;
          if (said.includes("sallyport listening on")) resolve();
        });
        child.once("exit", (code) => reject(new Error(`it ended with ${code} before it listened`)));
      });
      await work();
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      await ended;
      return said;
    },
    /** Lets ten minutes pass over the keys, so that every verifier knows the next one. */
    ageKeys() {
      const database = new Database(join(folder, "data/sallyport.db"));
      database.prepare("update signing_keys set created_at = created_at - 600000").run();
      database.close();
    },
  };
}
