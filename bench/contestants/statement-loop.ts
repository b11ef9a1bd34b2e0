/**
 * The least that a write on PostgreSQL can be: the server's own statements with the values that they had, one after the
 * other on as many connections as an instance has. No network but the database's, no messages, no rules, no hash.
 */
import { readFileSync } from "node:fs";
import { deserialize } from "node:v8";
import { Client } from "pg";
import type { Statement } from "../world/recorded-statements.ts";
import { serveWindows } from "./loop.ts";

/** In the file that the first argument names. */
export type StatementMaterial = {
  /** A database in the state in which the statements were recorded. */
  readonly url: string;
  readonly connections: number;
  /** What each window takes: calls, each with its statements. */
  readonly rounds: readonly (readonly (readonly Statement[])[])[];
};

const material: StatementMaterial = deserialize(readFileSync(process.argv[2] ?? ""));
const rounds = material.rounds.values();
const clients = Array.from({ length: material.connections }, () => new Client(material.url));
await Promise.all(clients.map((client) => client.connect()));

async function run(client: Client, statements: readonly Statement[]): Promise<void> {
  for (const { text, values, name } of statements) {
    if (values.length === 0 && name === null) await client.query(text);
    else await client.query({ text, values: [...values], ...(name && { name }) });
  }
}

serveWindows(async (note) => {
  const { value: calls = [] } = rounds.next();
  const left = calls.values();
  const work = async (client: Client) => {
    for (const statements of left) {
      const beganAt = performance.now();
      await run(client, statements);
      note(performance.now() - beganAt);
    }
  };
  await Promise.all(clients.map(work));
});
