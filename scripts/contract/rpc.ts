/** Services and their RPCs: what a comment says, what the options state, and how to call. */
import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { durationMs, MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";
import { type AccessRule, default_rule, Freshness, rule } from "../../gen/sallyport/access/v1/access_pb.ts";
import { type Links, methodTitle, type TypeDesc } from "./names.ts";
import { head, row, type Telling, typeSection } from "./types.ts";

/** A service: what it is, its RPCs at a glance. */
export function serviceSection(service: DescService, { commentOf, links }: Telling): string {
  const rows = service.methods.map((method) => {
    const { prose, labelled } = splitComment(commentOf(method));
    const [firstSentence = ""] = /^[\s\S]*?\.(?=\s|$)/.exec(prose) ?? [];
    return row(
      links.toMethod(method, method.name),
      links.within(firstSentence),
      links.within((labelled.Callers ?? "").replace(/\.$/, "")),
    );
  });
  const prose = links.within(commentOf(service).trim(), service.name);
  const glance = [...head("RPC", "what it does", "callers"), ...rows].join("\n");
  return `## ${service.name}\n\n\`${service.typeName}\`\n\n${prose}\n\n${glance}\n`;
}

/** An RPC, and the types that no other RPC uses. */
export function methodSection(method: DescMethod, types: readonly TypeDesc[], telling: Telling): string {
  const { commentOf, links } = telling;
  const { prose, labelled } = splitComment(commentOf(method));
  const title = methodTitle(method);
  const stated = Object.entries(labelled).map(([label, text]) => `- **${label}:** ${links.within(text, title)}`);
  const facts = [
    `- **Call:** ${callText(method, links)}`,
    ...stated,
    `- **Access rule:** ${ruleText(method)}`,
    `- **Idempotency:** ${idempotencyText(method)}`,
  ];
  const sections = types.map((type) => typeSection(type, "####", telling));
  return [`### ${title}\n\n${links.within(prose, title)}\n\n${facts.join("\n")}\n`, ...sections].join("\n");
}

/** The words of an RPC's comment, and what it says under `Callers:`, `Fails with:` and `Retry:`. */
function splitComment(comment: string) {
  const [prose = "", ...parts] = comment.split(/^(Callers|Fails with|Retry): /m);
  const labelled: Record<string, string> = {};
  for (let index = 0; index < parts.length; index += 2) {
    labelled[parts[index] ?? ""] = (parts[index + 1] ?? "").trim().replace(/\s+/g, " ");
  }
  return { prose: prose.trim(), labelled };
}

function callText({ parent, name, input, output, methodKind }: DescMethod, links: Links): string {
  const path = `\`/${parent.typeName}/${name}\``;
  const streams = STREAMS[methodKind];
  return `${links.toType(input)} → ${links.toType(output)}${streams}, at ${path}`;
}

const STREAMS = {
  unary: "",
  server_streaming: " (a stream of answers)",
  client_streaming: " (a stream of requests)",
  bidi_streaming: " (streams in both directions)",
} as const;

function ruleText(method: DescMethod): string {
  if (hasOption(method, rule)) return inWords(getOption(method, rule));
  return `${inWords(getOption(method.parent, default_rule))}, as all of the service`;
}

function inWords(stated: AccessRule): string {
  const { anyRole, allPermissions, maxAuthAge, freshness } = stated;
  const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ");
  const conditions = [
    ...(stated.public ? ["anyone, with or without a credential"] : []),
    ...(stated.authenticated ? ["any signed-in user"] : []),
    ...(anyRole.length > 0 ? [`one of the roles ${list(anyRole)}`] : []),
    ...(allPermissions.length === 1 ? [`the permission ${list(allPermissions)}`] : []),
    ...(allPermissions.length > 1 ? [`the permissions ${list(allPermissions)}`] : []),
    ...(maxAuthAge === undefined ? [] : [`a password given no longer than ${durationMs(maxAuthAge) / 1000} s ago`]),
    ...(freshness === Freshness.REMOTE ? ["asked anew on each call"] : []),
  ];
  if (conditions.length === 0) throw new Error("an access rule says nothing");
  return conditions.join("; ");
}

function idempotencyText({ idempotency }: DescMethod): string {
  if (idempotency === Level.IDEMPOTENT) return "`IDEMPOTENT`: calling twice does what calling once does";
  if (idempotency === Level.NO_SIDE_EFFECTS) return "`NO_SIDE_EFFECTS`";
  return "not declared";
}
