/** Messages and enums as tables. */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { boundsOf, isRequired } from "./bounds.ts";
import type { CommentOf } from "./comments.ts";
import type { Links, TypeDesc } from "./names.ts";

/** What it takes to tell of a declaration. */
export type Telling = { readonly commentOf: CommentOf; readonly links: Links };

/** A section of its own for a type, under a heading of this level. */
export function typeSection(type: TypeDesc, level: string, telling: Telling): string {
  const prose = telling.links.within(telling.commentOf(type), type.name).trim();
  const members = type.kind === "enum" ? enumTable(type, telling) : messageTable(type, telling);
  return `${level} ${type.name}\n\n${prose}\n\n${members}\n`;
}

/** A row of a table; line ends and bars in its cells do it no harm. */
export function row(...cells: readonly (string | number)[]): string {
  const text = cells.map((cell) => String(cell).trim().replace(/\s+/g, " ").replaceAll("|", "\\|"));
  return `| ${text.join(" | ")} |`;
}

/** The head of a table. */
export function head(...titles: readonly string[]): readonly string[] {
  return [row(...titles), row(...titles.map(() => "---"))];
}

/** A field's row: name, number, type, bounds, meaning. */
export function fieldRow(field: DescField, { commentOf, links }: Telling): string {
  const bounds = [boundsOf(field), isSecret(field) ? "secret" : ""].filter((words) => words !== "");
  const name = field.oneof === undefined ? `\`${field.name}\`` : `└ \`${field.name}\``;
  return row(name, field.number, typeText(field, links), bounds.join("; "), links.within(commentOf(field)));
}

function messageTable(message: DescMessage, telling: Telling): string {
  if (message.fields.length === 0) return "It has no fields.";
  const rows = message.members.flatMap((member) => {
    if (member.kind === "field") return [fieldRow(member, telling)];
    const how = isRequired(member) ? "exactly one of those below" : "at most one of those below";
    const meaning = telling.links.within(telling.commentOf(member));
    const heading = row(`\`${member.name}\``, "", "one of", how, meaning);
    return [heading, ...member.fields.map((field) => fieldRow(field, telling))];
  });
  return [...head("field", "no.", "type", "bounds", "meaning"), ...rows].join("\n");
}

function enumTable({ values }: DescEnum, { commentOf, links }: Telling): string {
  const rows = values.map((value) => row(`\`${value.name}\``, value.number, links.within(commentOf(value))));
  return [...head("value", "no.", "meaning"), ...rows].join("\n");
}

function typeText(field: DescField, links: Links): string {
  if (field.fieldKind === "map") throw new Error(`${String(field)}: the contract has no words for maps yet`);
  const own = field.message ?? field.enum;
  const element = own === undefined ? `\`${scalarName(field.scalar)}\`` : links.toType(own);
  return field.fieldKind === "list" ? `list of ${element}` : element;
}

function scalarName(scalar: ScalarType | undefined): string {
  return scalar === undefined ? "" : ScalarType[scalar].toLowerCase();
}

function isSecret(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}
