/** The access matrix as text for people, as Markdown for pages, and as JSON for programs. */
import type { Rule } from "../check/rule.ts";
import type { KnownRole, MatrixRow } from "./matrix.ts";

/** How a matrix may be written. */
export const FORMATS = ["text", "markdown", "json"] as const;

/** One of {@link FORMATS}. */
export type Format = (typeof FORMATS)[number];

/** The matrix in that format, without a line end behind it. JSON is one object a line. */
export function formatMatrix(rows: readonly MatrixRow[], roles: readonly KnownRole[], format: Format): string {
  if (format === "json") return rows.map((row) => JSON.stringify(toRecord(row, roles))).join("\n");
  const head = ["rpc", "who may call", "freshness", ...roles.map(({ name }) => name)];
  const cells = rows.map((row) => [
    row.rpc + STREAMS[row.streams],
    whoMayCall(row),
    freshnessOf(row),
    ...row.enough.map((enough) => (row.rule === null ? "-" : enough === null ? "?" : enough ? "yes" : "no")),
  ]);
  const table = format === "text" ? textTable([head, ...cells]) : markdownTable([head, ...cells]);
  const notes = notesOn(rows, roles);
  return (notes.length === 0 ? [table] : [table, notes.join(format === "text" ? "\n" : "\n\n")]).join("\n\n");
}

/** How the faults of a row are told: a line each, which begins with the method. */
export function faultLines({ rpc, faults }: MatrixRow): readonly string[] {
  return faults.map(({ kind, text }) => `${rpc}${kind === "unfit rule" ? ":" : ""} ${text}`);
}

const STREAMS: Readonly<Record<MatrixRow["streams"], string>> = {
  unary: "",
  server_streaming: " (server stream)",
  client_streaming: " (client stream)",
  bidi_streaming: " (bidi stream)",
};

function whoMayCall({ rule, faults }: MatrixRow): string {
  const wrong = faults.map(({ text }) => text);
  return [...(rule === null ? [] : [conditionsOf(rule)]), ...wrong.map((text) => `FAULT: ${text}`)].join("; ");
}

function conditionsOf({ public: open, anyRole, allPermissions, maxAuthAgeMs }: Rule): string {
  if (open) return "anyone";
  const conditions = [
    ...(anyRole.length > 0 ? [`role ${anyRole.join(" or ")}`] : []),
    ...(allPermissions.length > 0 ? [`permission ${allPermissions.join(" and ")}`] : []),
    ...(maxAuthAgeMs === null ? [] : [`password given within ${spell(maxAuthAgeMs)}`]),
  ];
  return conditions.length === 0 ? "any signed-in user" : conditions.join("; ");
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
] as const;

function spell(milliseconds: number): string {
  const [unit, length] = UNITS.find(([, size]) => milliseconds % size === 0) ?? ["s", 1_000];
  return `${milliseconds / length} ${unit}`;
}

/** Of a public method nothing has to be known. */
function freshnessOf({ rule }: MatrixRow): string {
  return rule === null || rule.public ? "-" : rule.freshness.toLowerCase();
}

function notesOn(rows: readonly MatrixRow[], roles: readonly KnownRole[]): readonly string[] {
  const hangsOnGrants = rows.some(({ rule, enough }) => rule !== null && enough.includes(null));
  return [
    ...(roles.length > 0
      ? [
          "yes: to hold this role alone is enough, for a user who is signed in (and gave the password within the time stated)",
        ]
      : []),
    ...(hangsOnGrants ? ["?: that depends on what the role grants, of which only the name was given"] : []),
    ...(rows.some(({ infrastructure }) => infrastructure)
      ? ["health and reflection of gRPC need no rule: anyone may call them"]
      : []),
  ];
}

function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_head, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) => `| ${row.map(escaped).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What Markdown would take for markup. Of names, only an underscore can be. */
function escaped(cell: string): string {
  return cell.replace(/[\\`*_|<[\]]/g, "\\$&");
}

function toRecord({ rpc, streams, infrastructure, rule, faults, enough }: MatrixRow, roles: readonly KnownRole[]) {
  return {
    rpc,
    streams,
    infrastructure,
    rule: rule === null ? null : toStated(rule),
    faults: faults.map(({ kind, text }) => ({ kind, text })),
    roles: Object.fromEntries(roles.map(({ name }, index) => [name, enough[index] ?? null])),
  };
}

function toStated({ public: open, anyRole, allPermissions, maxAuthAgeMs, freshness }: Rule) {
  const maxAuthAgeSeconds = maxAuthAgeMs === null ? null : maxAuthAgeMs / 1_000;
  return { public: open, anyRole, allPermissions, maxAuthAgeSeconds, freshness };
}
