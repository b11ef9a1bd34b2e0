import type { Command } from "commander";
import { listKeys } from "../store/queries/keys.ts";
import { say, withCore } from "./context.ts";

/** `sallyport keys …`: the keys that tokens are signed with. */
export function addKeysCommands(program: Command): void {
  const keys = program.command("keys").description("the keys that tokens are signed with");
  keys
    .command("list")
    .description("list keys: id, use, algorithm, state, when made, when its last token is dead")
    .option("--json", "as JSON, one key a line")
    .action(list);
  keys
    .command("rotate")
    .description("sign with the next key from now on; the present one stays until its tokens are dead")
    .option("--now", "even if the next key was published less than five minutes ago, so that verifiers may not know it")
    .action(rotate);
}

async function list({ json }: { readonly json?: boolean }): Promise<void> {
  const rows = await withCore(({ store }) => store.read(listKeys));
  for (const { kid, use, algorithm, state, created_at, expires_at } of rows) {
    const key = {
      kid,
      use,
      algorithm,
      state,
      created: toDate(created_at),
      expires: expires_at === null ? null : toDate(expires_at),
    };
    say(json ? JSON.stringify(key) : [kid, use, algorithm, state, key.created, key.expires ?? "-"].join("  "));
  }
}

async function rotate({ now }: { readonly now?: boolean }): Promise<void> {
  const rotation = await withCore((core) => core.rotateKeys(now === true));
  if (rotation.outcome === "too_soon") {
    const seconds = Math.ceil(rotation.waitMs / 1000);
    throw new Error(
      `the next key was published too recently for every verifier to know it; wait ${seconds} s, or give --now`,
    );
  }
  say(`signing with ${rotation.active}; next is ${rotation.next}; retired ${rotation.retired}`);
}

function toDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
