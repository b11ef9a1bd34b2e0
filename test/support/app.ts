/** The real service in this process: real database, real port, cheap hashes, a clock that can be moved. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppDeps, createApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { openCore } from "../../src/core.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

/** What every test instance is set to, unless a test says otherwise. */
export const TEST_SETTINGS = {
  SALLYPORT_PORT: "0",
  SALLYPORT_ISSUER: "http://sallyport.test",
  SALLYPORT_AUDIENCES: "sallyport,orders,billing",
  SALLYPORT_ARGON2_MEMORY_KIB: "64",
  SALLYPORT_ARGON2_PASSES: "1",
  SALLYPORT_SHUTDOWN_DELAY_SECONDS: "0",
} as const;

/** A running instance. */
export type TestApp = Awaited<ReturnType<typeof startApp>>;

type TestAppOptions = {
  readonly settings?: Readonly<Record<string, string>>;
  readonly clock?: FakeClock;
  /** Time between checkpoints of the revocation feed, in milliseconds. */
  readonly checkpointMs?: number;
  /** How many may watch the feed. */
  readonly watcherBounds?: AppDeps["watcherBounds"];
  /** A folder of another instance, to be the second one on its database. Its owner removes it. */
  readonly dataDir?: string;
};

/** Starts an instance on a free port. Close it when the test is done. */
export async function startApp(options: TestAppOptions = {}) {
  const { settings = {}, clock = createFakeClock(), checkpointMs, watcherBounds, dataDir } = options;
  const folder = dataDir ?? temporaryFolder();
  const environment = { ...TEST_SETTINGS, SALLYPORT_LOG_LEVEL: "debug", SALLYPORT_DATA_DIR: folder, ...settings };
  const config = readConfig(environment);
  const said: string[] = [];
  const log = createLog({ level: config.logLevel, destination: { write: (line) => void said.push(line) } });
  const { uptimeMs } = clock;
  const deps = {
    config,
    log,
    clock,
    random: systemRandom,
    ...(uptimeMs !== undefined && { uptimeMs }),
    ...(checkpointMs !== undefined && { checkpointMs }),
  };
  const app = await createApp(watcherBounds === undefined ? deps : { ...deps, watcherBounds });
  const { url, port } = await app.listen();
  return {
    url,
    port,
    clock,
    config,
    dataDir: folder,
    /** Everything the instance has logged, a JSON object each. */
    logged: (): readonly Record<string, unknown>[] => said.map((line) => JSON.parse(line)),
    /** The text of the log. */
    logText: () => said.join(""),
    /** Works on the same database from beside the instance, as the command line does. */
    async beside<T>(work: (core: Awaited<ReturnType<typeof openCore>>) => Promise<T>): Promise<T> {
      const core = await openCore(deps);
      try {
        return await work(core);
      } finally {
        await core.close();
      }
    },
    async close() {
      await app.close();
      if (dataDir === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An empty folder that nobody else uses. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "sallyport-test-"));
}
