/** Refreshes and signups by our own code in this process, with the statements that each asked for. */
import { sql } from "kysely";
import type { Core } from "../../src/core.ts";
import { endless } from "../../test/support/patience.ts";
import { PASSWORD } from "./data-folder.ts";
import { recordStatements, type Statement } from "./recorded-statements.ts";
import { withCore } from "./with-core.ts";

/** Connections of an instance, as it is set. */
export const CONNECTIONS = 10;
/** Writes at once: as many as an instance lets through, so that none waits for another and is noted as its part. */
const AT_ONCE = 8;

type Settings = Readonly<Record<string, string>>;

/** What was done round by round, each with the statements of each call. */
export type RecordedWrites = {
  readonly refreshes: { readonly tokens: readonly (readonly string[])[]; readonly statements: Rounds };
  readonly signups: { readonly names: readonly (readonly string[])[]; readonly statements: Rounds };
};
type Rounds = readonly (readonly (readonly Statement[])[])[];

/** Makes the schema, and so many users with a session each; their refresh tokens. */
export function makePeople(settings: Settings, count: number): Promise<readonly string[]> {
  return withCore(settings, async (core) => {
    await core.claimDatabase();
    const names = Array.from({ length: count }, (_, index) => `bench${index}`);
    return eachOf(names, async (username) => {
      await core.signup({ username, password: PASSWORD, email: "", roles: [] }, endless);
      const login = { identifier: username, password: PASSWORD, audiences: [], deviceName: "" };
      return (await core.login(login, endless)).refreshToken;
    });
  });
}

/** Exchanges each of the tokens, and what came of it, in so many rounds; and makes as many accounts. */
export function recordWrites(settings: Settings, first: readonly string[], rounds: number): Promise<RecordedWrites> {
  return withCore(settings, async (core) => {
    await openConnections(core);
    const tokens: (readonly string[])[] = [];
    const names: (readonly string[])[] = [];
    const statements = { refreshes: [] as Statement[][][], signups: [] as Statement[][][] };
    let current = first;
    for (let round = 0; round < rounds; round += 1) {
      tokens.push(current);
      const exchanged = await eachOf(current, (refreshToken) =>
        noted(() => core.refresh({ refreshToken, attemptId: new Uint8Array(), audiences: [] }, endless)),
      );
      current = exchanged.map(({ value }) => value.refreshToken);
      statements.refreshes.push(exchanged.map((one) => one.statements));
      const newcomers = current.map((_, index) => `newcomer${round}x${index}`);
      names.push(newcomers);
      const made = await eachOf(newcomers, (username) =>
        noted(() => core.signup({ username, password: PASSWORD, email: "", roles: [] }, endless)),
      );
      statements.signups.push(made.map((one) => one.statements));
    }
    return {
      refreshes: { tokens, statements: statements.refreshes },
      signups: { names, statements: statements.signups },
    };
  });
}

async function noted<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly statements: Statement[] }> {
  const results: T[] = [];
  const statements = await recordStatements(async () => void results.push(await work()));
  const [value] = results;
  if (value === undefined) throw new Error("nothing came of it");
  return { value, statements: [...statements] };
}

/** All that there may be, before anything is noted: what is asked of a new one is no part of a write. */
async function openConnections({ store }: Core): Promise<void> {
  const held = Array.from({ length: CONNECTIONS }, () => store.read((db) => sql`select pg_sleep(0.3)`.execute(db)));
  await Promise.all(held);
}

/** Does `work` for each, a few at once; the results in their order. */
async function eachOf<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const take = async () => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
  return results;
}
