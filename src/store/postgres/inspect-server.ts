import { Client } from "pg";
import { aheadOf, type Clock } from "../../lib/clock.ts";
import { parseSeal, type Seal } from "../seal.ts";
import type { Address } from "./address.ts";
import { clientConfig, TIMEOUTS } from "./client.ts";
import { NOW } from "./transaction.ts";
import { explainFault } from "./unusable.ts";

/** What a look at a database tells. */
export type ServerReport = {
  /** Host, port and database. */
  readonly name: string;
  /** As the server tells it: `18.1`. */
  readonly version: string;
  readonly isEncrypted: boolean;
  /** Whether it follows another server, and so takes no writes. */
  readonly isStandby: boolean;
  /** Whether the server writes to its disk before it says so; a crash of the machine loses what was acknowledged. */
  readonly isDurable: boolean;
  /** How far our clock is ahead of its clock at least, in milliseconds. */
  readonly aheadMs: number;
  /** Connections that the server allows. */
  readonly maxConnections: number;
  /** Migrations that the schema has seen; none if it is not there. */
  readonly applied: readonly string[];
  /** The issuer of the servers on it, or `null`. */
  readonly issuer: string | null;
  /** Encrypted keys. */
  readonly jwes: readonly string[];
  /** Where it was copied to, if it was. */
  readonly seal: Seal | null;
};

const FACTS = `select current_setting('server_version') as version, pg_is_in_recovery() as standby,
  current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on' as durable,
  current_setting('max_connections')::int as connections,
  (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as encrypted, ${NOW}`;

/** Looks at a database without changing it. @throws UnusableDatabase if it cannot be reached. */
export async function inspectServer(address: Address, clock: Clock): Promise<ServerReport> {
  const client = new Client({ ...clientConfig(address, TIMEOUTS) });
  client.on("error", () => {});
  const column = async (table: string, query: string): Promise<readonly string[]> => {
    const { rows } = await client.query("select to_regclass($1) is not null as exists", [table]);
    return rows[0]?.exists ? (await client.query(query)).rows.map(({ value }) => String(value)) : [];
  };
  try {
    await client.connect();
    const askedAt = clock.now();
    const { rows } = await client.query(FACTS);
    const answeredAt = clock.now();
    const [facts] = rows;
    const [issuer] = await column("meta", "select value from meta where name = 'issuer'");
    const [seal] = await column("meta", "select value from meta where name = 'seal'");
    return {
      name: address.name,
      version: String(facts.version),
      isEncrypted: facts.encrypted === true,
      isStandby: facts.standby === true,
      isDurable: facts.durable === true,
      aheadMs: aheadOf(Number(facts.now), askedAt, answeredAt),
      maxConnections: Number(facts.connections),
      applied: await column("kysely_migration", "select name as value from kysely_migration order by name"),
      issuer: issuer ?? null,
      jwes: await column("signing_keys", "select private_jwe as value from signing_keys"),
      seal: parseSeal(seal ?? null),
    };
  } catch (error) {
    throw explainFault(error, address.name);
  } finally {
    await client.end();
  }
}
