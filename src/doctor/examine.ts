/**
 * The doctor: looks at everything that a start depends on, one thing after another,
 * and changes nothing. What it finds wrong it says how to mend.
 */
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import { type FileReport, inspectFile } from "../store/sqlite/inspect-file.ts";
import * as database from "./database.ts";
import { examineDisk, examineFile, examineFolder } from "./files.ts";
import { type Finding, fine, wrong } from "./finding.ts";
import { examineMetricsAddress, examinePort } from "./port.ts";
import { examineTls } from "./tls.ts";

type Patient = { readonly config: Config; readonly clock: Clock; readonly random: Random };

/** Every finding, under the name of what was looked at. */
export async function* examine({ config, clock, random }: Patient): AsyncGenerator<readonly [string, Finding]> {
  const file = join(config.dataDir, "sallyport.db");
  yield ["node", fine(`Node ${process.versions.node}`)];
  yield ["data folder", examineFolder(config.dataDir)];
  yield ["disk", examineDisk(config.dataDir)];
  yield ["master key file", examineFile(join(config.dataDir, "master.key"))];
  yield ["database file", examineFile(file)];
  yield* examineDatabase(file, { config, clock, random });
  for (const finding of await examineTls(config.tls, clock.now())) yield ["tls", finding];
  yield ["port", await examinePort({ host: config.host, port: config.port, isTls: config.tls !== null })];
  yield ["metrics", await examineMetricsAddress(config.metricsAddress, config.metricsOpen)];
}

async function* examineDatabase(file: string, patient: Patient): AsyncGenerator<readonly [string, Finding]> {
  const { config, clock, random } = patient;
  const absence = database.examineAbsence(file, config.dataDir);
  if (absence !== null) {
    yield ["database", absence];
    return;
  }
  let report: FileReport;
  try {
    report = inspectFile(file);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    yield ["database", wrong(`${file} cannot be read: ${said}`, "restore a backup, then run: sallyport restored")];
    return;
  }
  yield ["sqlite", database.examineLibrary(report)];
  yield ["database", database.examineIntegrity(report)];
  yield ["schema", database.examineSchema(report)];
  yield ["issuer", database.examineIssuer(report, config.issuer)];
  const source = { stated: config.masterKeys, dataDir: config.dataDir, random };
  yield ["master key", await database.examineMasterKey(report, source)];
  yield ["clock", database.examineClock(report, clock.now())];
}
