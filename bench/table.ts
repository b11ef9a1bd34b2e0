/** The tables, for people. */
import { type Finding, verdictOn } from "./findings/finding.ts";
import type { Result } from "./rounds.ts";
import { medianOf, perCpuSecond, perSecond } from "./statistics.ts";

/** One line for each contestant. */
export function resultTable(results: readonly Result[]): string {
  const rows = results.map(({ contestant, samples }) => [
    contestant.name,
    contestant.what,
    grouped(medianOf(samples.map(perCpuSecond))),
    spread(samples.map(perCpuSecond)),
    grouped(medianOf(samples.map(perSecond))),
    medianOf(samples.map(({ p50 }) => p50)).toFixed(2),
    medianOf(samples.map(({ p99 }) => p99)).toFixed(2),
  ]);
  return aligned([["contestant", "one call", "calls/CPU-s", "±", "calls/s", "p50 ms", "p99 ms"], ...rows]);
}

/** One line for each figure. */
export function findingTable(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => [
    finding.what,
    verdictOn(finding),
    written(finding.value, finding),
    finding.reach === null ? "" : written(finding.reach, finding),
    finding.aim === null ? "" : written(finding.aim, finding),
  ]);
  return aligned([["figure", "", "measured", "reach", "aim"], ...rows]);
}

function written(value: number, { unit }: Finding): string {
  if (unit === "ratio") return value.toFixed(2);
  return `${grouped(value)} ${unit}`;
}

/** Half of what lies between the best and the worst round, as a part of the median. */
function spread(values: readonly number[]): string {
  const range = Math.max(...values) - Math.min(...values);
  return `${Math.round((range / 2 / medianOf(values)) * 100)} %`;
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Cells in columns; all but the first two to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number) =>
    column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
