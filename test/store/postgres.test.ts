import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { NOW } from "../../src/store/postgres/transaction.ts";
import { makePlace } from "../support/postgres.ts";
import { describeStore } from "./conformance.ts";

describeStore("PostgreSQL", async () => {
  const { url, ask, remove } = await makePlace();
  const now = async () => Number((await ask(`select ${NOW}`))[0]?.now);
  return { open: () => openPostgresStore({ url, maxConnections: 8 }), now, remove };
});
