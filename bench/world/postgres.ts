/** PostgreSQL for a measurement: a server as one in use, databases on it, and instances of ours on those. */
import { join } from "node:path";
import { askAt, startPostgres } from "../../test/support/postgres.ts";
import { cpuSeconds } from "../driver/cpu-time.ts";
import { type Installation, type Served, startSallyport } from "./processes.ts";

/** Databases of one server. */
export type Databases = {
  /** Makes an empty one, or a copy of another that nobody is connected to; its URL. */
  readonly make: (name: string, original?: string) => Promise<string>;
  /** Seconds of CPU that each process of the server has used, by its number. */
  readonly cpu: () => Promise<CpuByProcess>;
};

/** Seconds of CPU of each process. */
export type CpuByProcess = ReadonlyMap<number, number>;

/** What all processes used between the two, those that have ended since apart. */
export function cpuBetween(before: CpuByProcess, after: CpuByProcess): number {
  return [...after].reduce((sum, [pid, seconds]) => sum + seconds - (before.get(pid) ?? 0), 0);
}

/** Lends a server, whose commits are on disk, to `work`. */
export async function withDatabases<T>(work: (databases: Databases) => Promise<T>): Promise<T> {
  const server = await startPostgres({ isDurable: true });
  try {
    return await work({
      async make(name, original = "template0") {
        await askAt(server.url, `create database ${name} template ${original}`);
        const url = new URL(server.url);
        url.pathname = `/${name}`;
        return url.href;
      },
      async cpu() {
        const rows = await askAt(server.url, "select pid from pg_stat_activity where pid <> pg_backend_pid()");
        return new Map(rows.map(({ pid }) => [Number(pid), cpuSeconds(Number(pid))]));
      },
    });
  } finally {
    await server.remove();
  }
}

/** A hash that costs next to nothing: what is measured is the database, and the way to it. */
const CHEAPEST_HASH = { SALLYPORT_ARGON2_MEMORY_KIB: "8", SALLYPORT_ARGON2_PASSES: "1" };
/** Any will do. */
const MASTER_KEY = Buffer.alloc(32, "bench").toString("base64url");

/** What an instance on the database at `url` is told. */
export function postgresSettings(url: string): Readonly<Record<string, string>> {
  return {
    ...CHEAPEST_HASH,
    SALLYPORT_DATABASE_URL: url,
    SALLYPORT_MASTER_KEY: MASTER_KEY,
    SALLYPORT_ISSUER: "http://sallyport.bench.example",
    SALLYPORT_PORT: "0",
  };
}

/** So many instances on the database at `url`, started one after the other. */
export async function startInstances(
  { workshop, installation }: { readonly workshop: string; readonly installation: Installation },
  url: string,
  count: number,
): Promise<Served[]> {
  const settings = { ...postgresSettings(url), SALLYPORT_DATA_DIR: workshop };
  const instances: Served[] = [];
  for (let number = 1; number <= count; number += 1) {
    const logFile = join(workshop, `instance-${number}.log`);
    instances.push(await startSallyport({ ...installation, settings, logFile }));
  }
  return instances;
}
