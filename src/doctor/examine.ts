/**
 * The doctor: looks at everything that a start depends on, one thing after another,
 * and changes nothing. What it finds wrong it says how to mend.
 */
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import * as database from "./database.ts";
import { examineFolder, examineMode } from "./files.ts";
import { type Finding, fine, wrong } from "./finding.ts";
import { examinePort } from "./port.ts";

type Patient = { readonly config: Config; readonly clock: Clock; readonly random: Random };

/** Every finding, under the name of what was looked at. */
export async function* examine({ config, clock, random }: Patient): AsyncGenerator<readonly [string, Finding]> {
  const file = join(config.dataDir, "sallyport.db");
  yield ["node", fine(`Node ${process.versions.node}`)];
  yield ["data folder", examineFolder(config.dataDir)];
  yield ["master key file", examineMode(join(config.dataDir, "master.key"), "600")];
  yield ["database file", examineMode(file, "600")];
  yield* examineDatabase(file, { config, clock, random });
  yield ["port", await examinePort({ host: config.host, port: config.port, isTls: config.tls !== null })];
}

async function* examineDatabase(file: string, patient: Patient): AsyncGenerator<readonly [string, Finding]> {
  const { config, clock, random } = patient;
  let report: ReturnType<typeof database.readDatabase>;
  try {
    report = database.readDatabase(file);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    yield ["database", wrong(`${file} cannot be read: ${said}`, "restore a backup, then run: sallyport restored")];
    return;
  }
  if (report === null) {
    yield ["database", fine("not there yet; the first start makes it")];
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
