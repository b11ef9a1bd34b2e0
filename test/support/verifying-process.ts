/**
 * A process with nothing in it but verifiers. Reads what to do from standard input, tells what
 * happens on standard output, and ends by itself once its verifiers are closed and nothing is left.
 */
import { createInterface } from "node:readline";
import { createVerifier, type VerifierOptions } from "../../src/verifier/verifier.ts";

/** The first line of the input: options of verifiers by name, and how many events each must tell before all are closed. */
export type Errand = {
  readonly verifiers: Readonly<Record<string, VerifierOptions>>;
  /** Close as soon as each has told of an event of this kind so often. */
  readonly until: { readonly kind: string; readonly times: number };
  /** Ask each about this token before it is closed, by memory and by a call. */
  readonly token: string;
};

/** What a verifier told, line by line. */
export type Told = { readonly name: string; readonly kind: string; readonly message: string };

function tell(told: Told): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

async function run({ verifiers, until, token }: Errand): Promise<void> {
  const work = Object.entries(verifiers).map(async ([name, options]) => {
    let times = 0;
    const enough = Promise.withResolvers<void>();
    const verifier = createVerifier({
      ...options,
      onEvent(event) {
        tell({ name, kind: event.kind, message: "error" in event ? event.error.message : "" });
        times += event.kind === until.kind ? 1 : 0;
        if (times === until.times) enough.resolve();
      },
    });
    await enough.promise;
    verifier.follow(token, {}, () => {});
    const asked = verifier.authorize(token, { freshness: "REMOTE" }, { timeoutMs: 2_000 });
    await asked.then(
      ({ granted }) => tell({ name, kind: "asked", message: String(granted) }),
      (error: Error) => tell({ name, kind: "asked", message: error.name }),
    );
    const waiting = verifier.authorize(token, {}, { minRevision: { logId: "none", number: 1 } });
    await Promise.all([verifier.close(), waiting.catch(({ name: kind }: Error) => tell({ name, kind, message: "" }))]);
  });
  await Promise.all(work);
}

const lines = createInterface(process.stdin);
lines.once("line", (line) => {
  lines.close();
  process.stdin.unref();
  void run(JSON.parse(line));
});
