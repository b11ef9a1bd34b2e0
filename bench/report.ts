/** The results as JSON, for whoever compares runs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { type Finding, verdictOn } from "./findings/finding.ts";
import type { Result, Schedule } from "./rounds.ts";
import { medianOf, perCpuSecond, perSecond } from "./statistics.ts";

/** A run, or a part of it that was measured in one way. */
export type Part = { readonly schedule: Schedule; readonly results: readonly Result[] };

const FOLDER = fileURLToPath(new URL("results/", import.meta.url));

/** A machine as it was before a run. */
export type Machine = ReturnType<typeof machine>;

/** Writes the report of a run into `results/`; its path. */
export function writeReport(before: Machine, parts: readonly Part[], findings: readonly Finding[]): string {
  mkdirSync(FOLDER, { recursive: true });
  const time = new Date().toISOString();
  const report = { time, machine: before, parts: parts.map(toJson), findings: findings.map(findingToJson) };
  const file = `${FOLDER}${time.replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

/** What figures are measured on, and how busy it is. */
export function machine() {
  const [first] = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: first?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 1e9),
    load: loadavg()[0] ?? 0,
  };
}

function toJson({ schedule, results }: Part) {
  return {
    ...schedule,
    contestants: results.map(({ contestant: { name, what }, samples }) => ({
      name,
      what,
      callsPerCpuSecond: medianOf(samples.map(perCpuSecond)),
      callsPerSecond: medianOf(samples.map(perSecond)),
      samples,
    })),
  };
}

function findingToJson(finding: Finding) {
  const { what, value, unit, reach, aim } = finding;
  return { what, value, unit, reach, aim, verdict: verdictOn(finding) };
}
