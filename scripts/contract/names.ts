/** What has a place of its own on the page, and links to it. */
import type { DescEnum, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";

/** A message or an enum. */
export type TypeDesc = DescMessage | DescEnum;

/** Links what is mentioned in a text. */
export type Links = {
  /** A link to the type; a type of others as code. */
  readonly toType: (type: TypeDesc) => string;
  readonly toMethod: (method: DescMethod, text?: string) => string;
  readonly toService: (service: DescService) => string;
  /** A comment with links from the names of types, RPCs and reasons in it; `self` is not linked. */
  readonly within: (text: string, self?: string) => string;
};

/** The heading of an RPC. */
export function methodTitle({ parent, name }: DescMethod): string {
  return `${parent.name}.${name}`;
}

/** The anchor of an error reason, named without its prefix. */
export function reasonAnchor(reason: string): string {
  return `error_reason_${reason.toLowerCase()}`;
}

/** {@link Links} to all of these. @throws Error if two of them would share an anchor. */
export function createLinks(page: {
  readonly services: readonly DescService[];
  readonly types: readonly TypeDesc[];
  readonly reasons: readonly string[];
}): Links {
  const methods = page.services.flatMap((service) => service.methods);
  const titles = [...page.services.map(({ name }) => name), ...methods.map(methodTitle), ...page.types.map(nameOf)];
  const anchors = new Map(titles.map((title) => [title, headingAnchor(title)]));
  if (new Set(anchors.values()).size < titles.length) throw new Error("two headings of the contract are the same");
  const own = new Set(page.types.map(({ typeName }) => typeName));
  const reasons = new Set(page.reasons);

  const link = (text: string, anchor: string) => `[${text}](#${anchor})`;
  /** A name in backticks; an RPC may go without its service, where only one has it and no type is called so. */
  const anchorOf = (name: string): string | undefined => {
    const known = anchors.get(name);
    if (known !== undefined) return known;
    const named = methods.filter((method) => method.name === name);
    return named.length === 1 ? named.map((method) => headingAnchor(methodTitle(method)))[0] : undefined;
  };

  return {
    toType: (type) =>
      own.has(type.typeName) ? link(nameOf(type), headingAnchor(nameOf(type))) : `\`${type.typeName}\``,
    toMethod: (method, text = methodTitle(method)) => link(text, headingAnchor(methodTitle(method))),
    toService: ({ name }) => link(name, headingAnchor(name)),
    within: (text, self = "") =>
      text
        .replace(/`([A-Za-z.]+)`/g, (code, name: string) => {
          const anchor = name === self || self.endsWith(`.${name}`) ? undefined : anchorOf(name);
          return anchor === undefined ? code : link(code, anchor);
        })
        .replace(/(?<![`\w])[A-Z]+(_[A-Z]+)*(?![`\w])/g, (word) =>
          reasons.has(word) ? link(`\`${word}\``, reasonAnchor(word)) : word,
        ),
  };
}

function nameOf({ name }: TypeDesc): string {
  return name;
}

/** As GitHub and its like make them out of a heading. */
function headingAnchor(title: string): string {
  return title.toLowerCase().replaceAll(".", "");
}
