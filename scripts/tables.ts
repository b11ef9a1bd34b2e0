/** The tables of the README that tell what the code says: settings and errors. */
import { REASONS } from "../src/errors.ts";
import { SETTINGS } from "../src/settings.ts";

/** Each table by the name of its marks: `<!-- settings -->` … `<!-- /settings -->`. */
export const TABLES = { settings: settingsTable, errors: errorsTable } as const;

/** `text` with every table between its marks as the code has it. @throws Error if a mark is missing. */
export function withTables(text: string): string {
  return Object.entries(TABLES).reduce((whole, [name, table]) => replaceBetween(whole, name, table()), text);
}

function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(
    ([name, { default: standard, meaning }]) =>
      `| \`${name}\` | ${standard === "" ? "(none)" : `\`${standard}\``} | ${meaning} |`,
  );
  return ["| setting | default | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

function errorsTable(): string {
  const rows = Object.entries(REASONS).map(([reason, entry]) => {
    const nextStep = "nextStep" in entry ? `\`NEXT_STEP_${entry.nextStep}\`` : "";
    return `| \`ERROR_REASON_${reason}\` | \`${statusName(entry.code)}\` | ${nextStep} | ${entry.message} |`;
  });
  return ["| reason | code | next step | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** A status code of Connect as gRPC writes it: `NOT_FOUND`. */
export function statusName(code: string): string {
  return code.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

function replaceBetween(text: string, name: string, content: string): string {
  const start = `<!-- ${name} -->`;
  const end = `<!-- /${name} -->`;
  const from = text.indexOf(start);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the marks of the table "${name}" are missing`);
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}
