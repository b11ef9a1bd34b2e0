/**
 * The doctor: looks at everything that a start depends on, one thing after another,
 * and changes nothing. What it finds wrong it says how to mend.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import { MIGRATION_NAMES } from "../store/migrate.ts";
import { type FileReport, inspectFile, inspectLibrary } from "../store/sqlite/inspect-file.ts";
import { examineClock } from "./clock.ts";
import * as database from "./database.ts";
import { examineDisk, examineFile, examineFolder } from "./files.ts";
import { type Finding, fine } from "./finding.ts";
import { examineMetricsAddress, examinePort } from "./port.ts";
import { examineServer, examineServerClock, examineServerFault } from "./server.ts";
import { examineTls } from "./tls.ts";
import { examineWorkers } from "./workers.ts";

type Patient = {
  readonly config: Config;
  /** The file of the database. */
  readonly databaseFile: string;
  readonly clock: Clock;
  readonly random: Random;
};

/** Every finding, under the name of what was looked at. */
export async function* examine(patient: Patient): AsyncGenerator<readonly [string, Finding]> {
  const { config, clock } = patient;
  yield ["node", fine(`Node ${process.versions.node}`)];
  if (config.workers > 1) yield ["workers", examineWorkers(config.workers, availableParallelism())];
  yield* config.database === null ? examineFiles(patient) : examineServers(patient, config.database);
  for (const finding of await examineTls(config.tls, clock.now())) yield ["tls", finding];
  yield ["port", await examinePort({ host: config.host, port: config.port, isTls: config.tls !== null })];
  yield ["metrics", await examineMetricsAddress(config.metricsAddress, config.metricsOpen)];
}

/** SQLite: its library, the data folder and what is in it. */
async function* examineFiles(patient: Patient): AsyncGenerator<readonly [string, Finding]> {
  const { config, databaseFile, clock } = patient;
  const keyFile = join(config.dataDir, "master.key");
  yield ["sqlite", database.examineLibrary(inspectLibrary)];
  yield ["data folder", examineFolder(config.dataDir)];
  yield ["disk", examineDisk(config.dataDir)];
  yield ["master key file", examineFile(keyFile)];
  yield ["database file", examineFile(databaseFile)];
  const seen = look(patient);
  if ("found" in seen) yield ["database", seen];
  else yield* examineReport(seen, patient);
  const latestEvent = "found" in seen ? 0 : seen.latestTime;
  yield ["clock", examineClock(clock.now(), [databaseFile, keyFile], latestEvent)];
}

/** PostgreSQL: the server, and what is in the database. */
async function* examineServers(
  { config, clock, random }: Patient,
  { url, maxConnections }: NonNullable<Config["database"]>,
): AsyncGenerator<readonly [string, Finding]> {
  const { parseAddress } = await import("../store/postgres/address.ts");
  const { inspectServer } = await import("../store/postgres/inspect-server.ts");
  try {
    const report = await inspectServer(parseAddress(url), clock);
    // Each process may take its connections, and one more for hints.
    yield ["database", examineServer(report, config.workers * (maxConnections + 1))];
    for (const finding of database.examineSeal(report, "postgres")) yield ["seal", finding];
    yield ["schema", database.examineSchema(migrationsLeft(report.applied))];
    yield ["issuer", database.examineIssuer(report, config.issuer)];
    const source = { stated: config.masterKeys, dataDir: config.dataDir, random };
    yield ["master key", await database.examineMasterKey(report, source)];
    yield ["clock", examineServerClock(report)];
  } catch (error) {
    yield ["database", examineServerFault(error)];
  }
}

function migrationsLeft(applied: readonly string[]): Pick<FileReport, "pending" | "unknown"> {
  return {
    pending: MIGRATION_NAMES.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !MIGRATION_NAMES.includes(name)),
  };
}

/** What is in the database; or, where nobody can tell, why. */
function look({ config, databaseFile }: Patient): FileReport | Finding {
  const absence = database.examineAbsence(databaseFile, config.dataDir);
  if (absence !== null) return absence;
  try {
    return inspectFile(databaseFile);
  } catch (error) {
    return database.examineFault(databaseFile, error);
  }
}

async function* examineReport(report: FileReport, patient: Patient): AsyncGenerator<readonly [string, Finding]> {
  const { config, random } = patient;
  yield ["database", database.examineIntegrity(report)];
  for (const finding of database.examineSeal(report, config.dataDir)) yield ["seal", finding];
  yield ["schema", database.examineSchema(report)];
  yield ["issuer", database.examineIssuer(report, config.issuer)];
  const source = { stated: config.masterKeys, dataDir: config.dataDir, random };
  yield ["master key", await database.examineMasterKey(report, source)];
}
