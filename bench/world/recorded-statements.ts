/** What our own code asks PostgreSQL for, noted as it is asked. */
import { AsyncLocalStorage } from "node:async_hooks";
import { Client } from "pg";

/** A statement, and its values. */
export type Statement = {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Under which it is kept prepared; `null`: it is not. */
  readonly name: string | null;
};

const notes = new AsyncLocalStorage<Statement[]>();
let isWrapped = false;

/** The statements that `work` asks for, in their order, on whatever connections of the driver. */
export async function recordStatements(work: () => Promise<unknown>): Promise<readonly Statement[]> {
  if (!isWrapped) wrapDriver();
  isWrapped = true;
  const statements: Statement[] = [];
  await notes.run(statements, work);
  return statements;
}

function wrapDriver(): void {
  const query = Client.prototype.query;
  function notedQuery(this: Client, ...args: unknown[]): unknown {
    const store = notes.getStore();
    for (const statement of statementsOf(args[0])) if (store !== undefined) note(store, statement);
    return Reflect.apply(query, this, args);
  }
  Object.defineProperty(Client.prototype, "query", { value: notedQuery });
}

/** What begins and ends a transaction nobody prepares by hand, and sends it with what else has no values: that costs least. */
function note(statements: Statement[], { text, values, name }: Statement): void {
  const last = statements.at(-1);
  const isFollowing =
    last !== undefined && last.name === null && last.values.length === 0 && !/commit$/.test(last.text);
  if (isFollowing && values.length === 0)
    statements[statements.length - 1] = { ...last, text: `${last.text}; ${text}` };
  else statements.push({ text, values, name: /^(begin|commit)\b/.test(text) ? null : name });
}

function statementsOf(asked: unknown): readonly Statement[] {
  if (typeof asked === "string") return [{ text: asked, values: [], name: null }];
  if (typeof asked !== "object" || asked === null) return [];
  // Several of ours that go together; see pipeline.ts.
  if ("executions" in asked && Array.isArray(asked.executions))
    return asked.executions.flatMap(({ statement, values }) => statementsOf({ ...statement, values }));
  if (!("text" in asked) || typeof asked.text !== "string") return [];
  const values = "values" in asked && Array.isArray(asked.values) ? asked.values : [];
  const name = "name" in asked && typeof asked.name === "string" ? asked.name : null;
  return [{ text: asked.text, values, name }];
}
