/**
 * The page docs/contract.md: everything that the protos declare and say, in the
 * order in which somebody who wants to call us asks for it.
 */
import { type DescEnum, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { default_rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { REASONS } from "../../src/errors.ts";
import { statusName } from "../tables.ts";
import type { Contract } from "./descriptors.ts";
import { createLinks, type Links, reasonAnchor, type TypeDesc } from "./names.ts";
import { findPlaces, type Places } from "./places.ts";
import { methodSection, serviceSection } from "./rpc.ts";
import { head, row, type Telling, typeSection } from "./types.ts";

const REASON_ENUM = "sallyport.auth.v1.ErrorReason";
const RULES_PACKAGE = "sallyport.access.v1";

/** The page's text. @throws Error if something in the protos is of a kind that the page has no words for. */
export function contractPage({ files, commentOf, openingOf }: Contract): string {
  const types = files.flatMap(({ messages, enums }): TypeDesc[] => [...messages, ...enums]);
  const services = files.flatMap((file) => file.services).sort((one, other) => openness(one) - openness(other));
  const links = createLinks({ services, types, reasons: Object.keys(REASONS) });
  const telling = { commentOf, links };
  const isRule = ({ file }: TypeDesc) => file.proto.package === RULES_PACKAGE;
  const reasons = types.find((type): type is DescEnum => type.typeName === REASON_ENUM);
  if (reasons === undefined) throw new Error(`the protos have no ${REASON_ENUM}`);
  const ordinary = types.filter((type) => !isRule(type) && type !== reasons);
  const places = findPlaces(
    services.flatMap((service) => service.methods),
    ordinary,
  );
  const rules = files.filter(({ proto }) => proto.package === RULES_PACKAGE);
  return [
    OPENING,
    contents(services, places, types.filter(isRule), links),
    ...services.flatMap((service) => [
      serviceSection(service, telling),
      ...service.methods.map((method) => methodSection(method, places.of(method), telling)),
    ]),
    "## Types\n\nMessages and enums that several RPCs share.\n",
    ...places.shared.map((type) => typeSection(type, "###", telling)),
    `## Access rules\n\n${rules.map((file) => `\`${file.name}.proto\`\n\n${openingOf(file).trim()}`).join("\n\n")}\n`,
    optionsTable(rules, telling),
    ...types.filter(isRule).map((type) => typeSection(type, "###", telling)),
    reasonsSection(reasons, openingOf(reasons.file).trim(), telling),
  ].join("\n");
}

/** Where the proto says what is a column here. */
const COLUMN_IN_PROSE = /The status code of each value stands[^.]*\./;

const OPENING = `# The contract

Every RPC, message, enum and error reason of Sallyport. Written by \`npm run docs\` from \`proto/\`,
which is the reference; do not edit this page.

An RPC is called by its path over Connect, gRPC or gRPC-Web, with \`POST\`. Field names are those of the protos; JSON has
them in lowerCamelCase (\`access_token\` is \`accessToken\`). Bounds are checked before anything else, and a request beyond
them fails with \`ERROR_REASON_REQUEST_INVALID\`, which names the field. Fields marked *secret* are never in a log. Times are UTC.
The port also answers \`grpc.health.v1.Health\` and \`grpc.reflection\`, \`v1\` and \`v1alpha\`, which are documented by gRPC.
`;

function contents(
  services: readonly DescService[],
  { shared }: Places,
  rules: readonly TypeDesc[],
  links: Links,
): string {
  const lines = [
    ...services.map(
      (service) =>
        `- ${links.toService(service)}: ${service.methods.map((method) => links.toMethod(method, method.name)).join(", ")}`,
    ),
    `- [Types](#types): ${shared.map(links.toType).join(", ")}`,
    `- [Access rules](#access-rules): ${rules.map(links.toType).join(", ")}`,
    "- [Error reasons](#errorreason)",
  ];
  return `## Contents\n\n${lines.join("\n")}\n`;
}

/** Services that are open to more people come first. */
function openness(service: DescService): number {
  if (!hasOption(service, default_rule)) return 2;
  return getOption(service, default_rule).public ? 0 : 1;
}

function optionsTable(files: Contract["files"], { commentOf, links }: Telling): string {
  const rows = files
    .flatMap((file) => file.extensions)
    .map((option) => {
      const type = option.message === undefined ? "" : links.toType(option.message);
      return row(
        `\`(${option.typeName})\``,
        option.number,
        option.extendee.name,
        type,
        links.within(commentOf(option)),
      );
    });
  return `${[...head("option", "no.", "of", "type", "meaning"), ...rows].join("\n")}\n`;
}

function reasonsSection(reasons: DescEnum, opening: string, { commentOf, links }: Telling): string {
  const values = new Map(reasons.values.map((value) => [value.localName, value]));
  const rows = Object.entries(REASONS).map(([reason, entry]) => {
    const value = values.get(reason);
    if (value === undefined) throw new Error(`the protos have no reason ${reason}`);
    const nextStep = "nextStep" in entry ? `\`NEXT_STEP_${entry.nextStep}\`` : "";
    // The status code at the end of the comment has a column of its own.
    const meaning = links.within(commentOf(value).replace(/ [A-Z_]+\.\s*$/, ""));
    const anchor = `<a id="${reasonAnchor(reason)}"></a>`;
    return row(`${anchor}\`${value.name}\``, value.number, `\`${statusName(entry.code)}\``, nextStep, meaning);
  });
  const table = [...head("reason", "no.", "status code", "next step", "meaning"), ...rows].join("\n");
  const prose = links.within(opening.replace(COLUMN_IN_PROSE, "").trim(), reasons.name);
  return `## ${reasons.name}\n\n${prose}\n\n${table}\n`;
}
