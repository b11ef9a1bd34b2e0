import type { Timeouts } from "../../src/store/postgres/client.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { NOW } from "../../src/store/postgres/transaction.ts";
import { makePlace } from "../support/postgres.ts";
import { describeStore } from "./conformance.ts";

/** Crowds of writes wait for one row: no machine is so slow, or stands still for so long, that they give up. */
const PATIENT: Partial<Timeouts> = { connectMs: 20_000, lockMs: 20_000, statementMs: 20_000, answerMs: 25_000 };

describeStore("PostgreSQL", async () => {
  const { url, ask, remove } = await makePlace();
  const now = async () => Number((await ask(`select ${NOW}`))[0]?.now);
  return { open: () => openPostgresStore({ url, maxConnections: 8, timeouts: PATIENT }), now, remove };
});
