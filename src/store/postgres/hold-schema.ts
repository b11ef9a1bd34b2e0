/** Keeps everybody else from changing a schema while it is copied from, or from looking at one that is being filled. */
import type { Client } from "pg";
import { DEFINITIONS } from "../queries/locks.ts";
import { TABLES } from "../tables.ts";
import { UnusableDatabase } from "../unusable-database.ts";
import { type PostgresFault, toFault } from "./fault.ts";

/** How often to begin again if two wait for each other. */
const TRIES = 10;

const ALL_TABLES = TABLES.map(({ name }) => `"${name}"`).join(", ");

/**
 * Waits for the changes that are under way, and keeps out others. Where readers must wait too, so must a server that
 * starts: it would take a schema that is being filled for an empty one, and make keys of its own.
 */
export function holdSchema(client: Client, readers: "stay" | "wait", place: string): Promise<void> {
  if (readers === "stay") return hold(client, `lock table ${ALL_TABLES} in share row exclusive mode`, place);
  const definitions = `select pg_advisory_xact_lock(${DEFINITIONS})`;
  return hold(client, `${definitions}; lock table ${ALL_TABLES} in access exclusive mode`, place);
}

async function hold(client: Client, locks: string, place: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.query(`begin; ${locks}`);
      return;
    } catch (error) {
      await client.query("rollback").catch(() => {});
      const fault = toFault(error);
      if (fault.kind !== "conflict" || tries >= TRIES) throw told(fault, place);
    }
  }
}

function told(fault: PostgresFault, place: string): Error {
  if (fault.code !== "55P03") return fault;
  const advice = "wait for it, or end it: another copy into it, a backup, a change that takes long";
  return new UnusableDatabase(`another process works on ${place}, and does not come to an end; ${advice}`);
}
