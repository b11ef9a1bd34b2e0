import { type Command, InvalidArgumentError } from "commander";
import { liveServices, permissionsOf } from "../store/queries/services.ts";
import { say, toDate, withCore } from "./context.ts";
import { examples } from "./examples.ts";

/** A permission as roles and services hold them. */
const GRANT = /^(\*|[a-z][a-z0-9_.-]*(:[a-z][a-z0-9_.-]*)*(:\*)?)$/;
const NAME = /^[a-z][a-z0-9_.-]{0,63}$/;

/** `sallyport services …`: credentials of backends. */
export function addServicesCommands(program: Command): void {
  const services = program
    .command("services")
    .description("credentials of backends that call on their own behalf")
    .addHelpText(
      "after",
      examples([
        "sallyport services create orders > orders.key",
        "make a credential for a backend, and keep its API key in a file",
      ]),
    );
  services
    .command("create")
    .description("make a credential; its API key is printed once and kept nowhere")
    .argument("<name>", "lower-case letters, digits, _ . -", parseName)
    .option("--permission <permission...>", "what it may do, such as users:read", parseGrant, [])
    .addHelpText(
      "after",
      examples(
        ["sallyport services create orders > orders.key", "a backend that asks Authorize, where only services may"],
        ["sallyport services create reports --permission users:read", "a backend that may also list users"],
      ),
    )
    .action(create);
  services
    .command("list")
    .description("list credentials: id, name, permissions, when made, when last used")
    .option("--json", "as JSON, one a line")
    .addHelpText("after", examples(["sallyport services list", "see which credentials are no longer used"]))
    .action(list);
  services
    .command("revoke")
    .description("end a credential for good; a running server obeys within half a second")
    .argument("<name>", "as `services list` shows it")
    .addHelpText(
      "after",
      examples(["sallyport services revoke orders", "refuse the API key of orders, and certificates in its place"]),
    )
    .action(revoke);
}

async function create(name: string, { permission }: { readonly permission: readonly string[] }): Promise<void> {
  const { apiKey } = await withCore((core) => core.services.create(name, [...new Set(permission)], null));
  say(apiKey);
}

async function list({ json }: { readonly json?: boolean }): Promise<void> {
  const rows = await withCore(({ store }) => store.read(liveServices));
  for (const row of rows) {
    const { id, name, created_at, last_used_at } = row;
    const permissions = permissionsOf(row);
    const service = { id, name, permissions, created: toDate(created_at), lastUsed: toDate(last_used_at) };
    const columns = [id, name, permissions.join(",") || "-", service.created, service.lastUsed ?? "never"];
    say(json ? JSON.stringify(service) : columns.join("  "));
  }
}

async function revoke(name: string): Promise<void> {
  const { revision } = await withCore((core) => core.services.revoke(name, null));
  say(`revoked ${name} as of revision ${revision}`);
}

function parseName(text: string): string {
  if (!NAME.test(text))
    throw new InvalidArgumentError("use 1 to 64 lower-case letters, digits, _ . - with a letter first");
  return text;
}

function parseGrant(text: string, before: readonly string[]): readonly string[] {
  if (!GRANT.test(text)) throw new InvalidArgumentError("a permission looks like orders:read, orders:* or *");
  return [...before, text];
}
