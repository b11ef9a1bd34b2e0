/** The servers that foreign clients are let loose on: real processes on loopback. */
import { rmSync } from "node:fs";
import { temporaryFolder } from "../../support/app.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";

/** A server, with a folder of its own. */
export type Target = {
  readonly url: string;
  /** `127.0.0.1:…`, as gRPC clients name it. */
  readonly address: string;
  /** What the server has logged so far. */
  readonly log: () => string;
  readonly close: () => Promise<void>;
};

/** Starts a server. Close it when the tests are done; it fails if the server does not end in good order. */
export async function startTarget(settings: Readonly<Record<string, string>> = {}): Promise<Target> {
  const folder = temporaryFolder();
  const server: ServerProcess = await startServerProcess({ SALLYPORT_DATA_DIR: folder, ...settings });
  return {
    url: server.url,
    address: new URL(server.url).host,
    log: () => server.output().stderr,
    async close() {
      const { code } = await server.end("SIGTERM");
      rmSync(folder, { recursive: true });
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.output().stderr}`);
    },
  };
}

/** Starts a server whose password checks take seconds, so that deadlines pass and callers give up. */
export function startSlowTarget(): Promise<Target> {
  return startTarget({ SALLYPORT_ARGON2_MEMORY_KIB: "65536", SALLYPORT_ARGON2_PASSES: "64" });
}
