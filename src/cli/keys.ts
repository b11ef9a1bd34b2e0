import type { Command } from "commander";
import { Refusal } from "../errors.ts";
import { type KeyRow, listKeys } from "../store/queries/keys.ts";
import { say, toDate, withCore } from "./context.ts";
import { examples } from "./examples.ts";

/** `sallyport keys …`: the keys that tokens are signed with. */
export function addKeysCommands(program: Command): void {
  const keys = program
    .command("keys")
    .description("the keys that tokens are signed with; whatever changes, a running server obeys within half a second")
    .addHelpText(
      "after",
      examples(
        ["sallyport keys list", "see which key signs, which is next and which are retired"],
        ["sallyport keys rotate", "sign with the next key"],
      ),
    );
  keys
    .command("list")
    .description("list keys: id, use, algorithm, state, when made, when its last token is dead")
    .option("--json", "as JSON, one a line")
    .addHelpText("after", examples(["sallyport keys list --json", "list the keys, one JSON object a line"]))
    .action(list);
  keys
    .command("rotate")
    .description("sign with the next key from now on; the present one stays until its tokens are dead")
    .option("--now", "even if the next key was published less than five minutes ago, so that verifiers may not know it")
    .addHelpText(
      "after",
      examples(
        ["sallyport keys rotate", "at most every five minutes, so that verifiers know the key before it signs"],
        ["sallyport keys rotate --now", "at once; a verifier that keeps old keys refuses new tokens for a while"],
      ),
    )
    .action(rotate);
  keys
    .command("withdraw")
    .description("end a key that may have leaked: every token that it signed is void at once")
    .argument("<kid>", "the key's id, as `keys list` shows it")
    .addHelpText(
      "after",
      examples([
        "sallyport keys withdraw qiTr-p8cLGrgcTSGXjrkA_J1yPEep_qo3DLfhKTnRs8",
        "void every token of this key; sessions go on by a refresh",
      ]),
    )
    .action(withdraw);
  keys
    .command("rewrap")
    .description("encrypt every key under the first of SALLYPORT_MASTER_KEY, so that the others are needed no more")
    .addHelpText(
      "after",
      examples([
        "SALLYPORT_MASTER_KEY=$NEW,$OLD sallyport keys rewrap",
        "move every key to the new master key; then start the service with that alone",
      ]),
    )
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
  const { active, next, retired } = await withCore((core) => core.rotateKeys(now === true, null)).catch(sayHow);
  say(`signing with ${active}; next is ${next}; retired ${retired}`);
}

/** To force a rotation is an option here. */
function sayHow(error: unknown): never {
  if (!(error instanceof Refusal) || error.reason !== "NEXT_KEY_TOO_NEW") throw error;
  throw new Error(`${error.message}: sallyport keys rotate --now`, { cause: error });
}

async function withdraw(kid: string): Promise<void> {
  const { revision } = await withCore((core) => core.withdrawKey(kid, null));
  say(`withdrew ${kid} as of revision ${revision}`);
}

async function rewrap(): Promise<void> {
  const count = await withCore((core) => core.rewrapKeys(null));
  say(`${count} keys are encrypted under the first master key`);
}

/** All that may be shown of a key. */
function toRecord({ kid, use, algorithm, state, created_at, expires_at }: KeyRow) {
  return { kid, use, algorithm, state, created: toDate(created_at), expires: toDate(expires_at) };
}
