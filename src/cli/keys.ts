import type { Command } from "commander";
import { type KeyRow, listKeys } from "../store/queries/keys.ts";
import { say, toDate, withCore } from "./context.ts";

/** `sallyport keys …`: the keys that tokens are signed with. */
export function addKeysCommands(program: Command): void {
  const keys = program
    .command("keys")
    .description("the keys that tokens are signed with; whatever changes, a running server obeys within half a second");
  keys
    .command("list")
    .description("list keys: id, use, algorithm, state, when made, when its last token is dead")
    .option("--json", "as JSON, one a line")
    .action(list);
  keys
    .command("rotate")
    .description("sign with the next key from now on; the present one stays until its tokens are dead")
    .option("--now", "even if the next key was published less than five minutes ago, so that verifiers may not know it")
    .action(rotate);
  keys
    .command("withdraw")
    .description("end a key that may have leaked: every token that it signed is void at once")
    .argument("<kid>", "the key's id, as `keys list` shows it")
    .action(withdraw);
  keys
    .command("rewrap")
    .description("encrypt every key under the first of SALLYPORT_MASTER_KEY, so that the others are needed no more")
    .action(rewrap);
}

async function list({ json }: { readonly json?: boolean }): Promise<void> {
  const rows = await withCore(({ store }) => store.read(listKeys));
  for (const row of rows) {
    const key = toRecord(row);
    say(
      json
        ? JSON.stringify(key)
        : Object.values(key)
            .map((value) => value ?? "-")
            .join("  "),
    );
  }
}

async function rotate({ now }: { readonly now?: boolean }): Promise<void> {
  const { active, next, retired } = await withCore((core) => core.rotateKeys(now === true, null));
  say(`signing with ${active}; next is ${next}; retired ${retired}`);
}

async function withdraw(kid: string): Promise<void> {
  const { revision } = await withCore((core) => core.withdrawKey(kid, null));
  say(`withdrew ${kid} as of revision ${revision}`);
}

async function rewrap(): Promise<void> {
  const count = await withCore((core) => core.rewrapKeys());
  say(`${count} keys are encrypted under the first master key`);
}

/** All that may be shown of a key. */
function toRecord({ kid, use, algorithm, state, created_at, expires_at }: KeyRow) {
  return { kid, use, algorithm, state, created: toDate(created_at), expires: toDate(expires_at) };
}
