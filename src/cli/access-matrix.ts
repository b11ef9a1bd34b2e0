import type { DescService } from "@bufbuild/protobuf";
import { type Command, InvalidArgumentError, Option } from "commander";
import { accessMatrix, type KnownRole, type MatrixRow } from "../access/matrix.ts";
import { FORMATS, type Format, faultLines, formatMatrix } from "../access/matrix-format.ts";
import { ROLE } from "../access/method-rules.ts";
import { ADMIN, USER } from "../roles/built-in.ts";
import { listRoles } from "../store/queries/roles.ts";
import { CommandFault } from "./command-fault.ts";
import { say, withCore } from "./context.ts";
import { describedServices, type Source } from "./described.ts";
import { examples } from "./examples.ts";

type Options = Source & {
  readonly service: readonly string[];
  readonly roles: readonly string[];
  readonly database?: boolean;
  readonly format: Format;
  readonly json?: boolean;
};

/** `sallyport access-matrix`: who may call what, as the protos say. */
export function addAccessMatrixCommand(program: Command): void {
  program
    .command("access-matrix")
    .description("show who may call which RPC by the rules in the protos, and fail if one has no rule that can stand")
    .addOption(
      new Option(
        "--descriptors <file>",
        "services of a descriptor set, as buf build -o or protoc -o write it",
      ).conflicts("reflection"),
    )
    .option("--reflection <url>", "services of a server that runs, by gRPC reflection over HTTP/2")
    .option("--api-key-stdin", "ask for reflection with the API key on standard input")
    .option("--timeout <seconds>", "for reflection", parseSeconds, 10)
    .option("--service <name...>", "only these services, or the services of these packages", [])
    .option("--roles <names>", "roles that there are beside user and admin, separated by commas", parseRoles, [])
    .option("--database", "take the roles, and what they grant, from the database of this installation")
    .addOption(new Option("--format <format>", "how to write it").choices(FORMATS).default("text"))
    .addOption(new Option("--json", "as JSON, one RPC a line").conflicts("format"))
    .addHelpText(
      "after",
      examples(
        ["sallyport access-matrix", "who may call the RPCs of Sallyport itself"],
        [
          "sallyport access-matrix --descriptors shop.binpb --roles clerk,owner",
          "check the rules of your own protos, in their build: buf build -o shop.binpb",
        ],
        [
          "sallyport access-matrix --descriptors shop.binpb --service shop.v1 --roles clerk,owner --format markdown",
          "a table for your documents, of the services of one package",
        ],
        [
          "sallyport access-matrix --reflection http://127.0.0.1:8080 --database",
          "what a running server says, with the roles that this installation has",
        ],
        [
          "sallyport access-matrix --reflection http://127.0.0.1:8080 --api-key-stdin --json < orders.key",
          "where reflection wants an API key, which never goes into an argument",
        ],
      ),
    )
    .addHelpText("after", HELP)
    .action(show);
}

const HELP = `
Roles are known from --roles by name, and from --database with what they grant.
Without --database there are user, which grants nothing, and admin, which grants
everything. A rule that names any other role is a fault: nobody could ever hold it.

Health and reflection of gRPC need no rule. SALLYPORT_AUTHORIZE_CALLERS, which is no
rule of a proto, is not looked at. To trust a private authority for https, set
NODE_EXTRA_CA_CERTS to its file.

Exit codes:
  0   every method has a rule that can stand
  1   some have none, or name unknown roles; the matrix is shown all the same
  2   no matrix: the file, the address or another option is wrong
  69  no matrix: the server cannot be reached, or does not tell`;

async function show(options: Options): Promise<void> {
  const services = selected(await describedServices(options), options.service);
  const roles = await knownRoles(options);
  const rows = accessMatrix(services, roles);
  say(formatMatrix(rows, roles, options.json ? "json" : options.format));
  refuseFaults(rows, options);
}

/** @throws CommandFault if a name is neither a service's nor a package's. */
function selected(services: readonly DescService[], names: readonly string[]): readonly DescService[] {
  const isMeant = ({ typeName }: DescService, name: string) => typeName === name || typeName.startsWith(`${name}.`);
  const stray = names.find((name) => !services.some((service) => isMeant(service, name)));
  if (stray !== undefined) {
    const there = services.map(({ typeName }) => typeName).join(", ");
    throw new CommandFault(2, `there is no service or package ${stray}; there are ${there}`);
  }
  return names.length === 0 ? services : services.filter((service) => names.some((name) => isMeant(service, name)));
}

/** Those of the database, else the built-in ones, then those named. */
async function knownRoles({ database, roles }: Options): Promise<readonly KnownRole[]> {
  const granted: readonly KnownRole[] = database ? await storedRoles() : BUILT_IN;
  const named = roles.filter((name) => !granted.some((role) => role.name === name));
  return [...granted, ...named.map((name) => ({ name, grants: null }))];
}

const BUILT_IN: readonly KnownRole[] = [
  { name: ADMIN, grants: ["*"] },
  { name: USER, grants: [] },
];

/** More than there can be. */
const ALL = 10_000;

async function storedRoles(): Promise<readonly KnownRole[]> {
  const rows = await withCore(({ store }) => store.read((db) => listRoles(db, { after: "", limit: ALL })));
  return rows.map(({ name, permissions }) => ({ name, grants: permissions }));
}

/** @throws Error that names every method that cannot be guarded, and says what to do. */
function refuseFaults(rows: readonly MatrixRow[], { reflection }: Options): void {
  const faulty = rows.filter(({ faults }) => faults.length > 0);
  if (faulty.length === 0) return;
  const kinds = new Set(faulty.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  const saysNothing = rows.every(({ rule, infrastructure }) => rule === null || infrastructure);
  const advice = [
    ...(kinds.has("no rule") ? ["state a rule next to the RPC, or a default_rule for its service"] : []),
    ...(kinds.has("no rule") && reflection !== undefined && saysNothing
      ? ["if the protos do state rules, this server's reflection drops options, as some do: use --descriptors"]
      : []),
    ...(kinds.has("unknown role") ? ["name the roles that there are with --roles, or take them by --database"] : []),
  ];
  const lines = [...faulty.flatMap(faultLines), ...advice.map((line) => `to mend it: ${line}`)];
  throw new Error(
    `${faulty.length} of ${rows.length} methods cannot be guarded as they stand:\n  ${lines.join("\n  ")}`,
  );
}

function parseRoles(text: string, before: readonly string[]): readonly string[] {
  const names = text.split(",");
  if (!names.every((name) => ROLE.test(name))) {
    throw new InvalidArgumentError("name roles as they are, separated by commas: clerk,owner");
  }
  return [...new Set([...before, ...names])];
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 600)) throw new InvalidArgumentError("give a number of seconds up to 600");
  return seconds;
}
