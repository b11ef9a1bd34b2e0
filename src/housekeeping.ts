/**
 * Housekeeping: what nobody can ask for any more is deleted, a little at a time, and
 * what can wait is written. Nothing depends on it being done; a database that is
 * never tidied only grows.
 */
import type { Log } from "./log.ts";
import { announceKeys } from "./revocations/entries.ts";
import type { ServiceUse } from "./services/service-use.ts";
import { deleteOldAuditEvents } from "./store/queries/audit.ts";
import { deleteDeadKeys } from "./store/queries/keys.ts";
import { forgetRevocations } from "./store/queries/revocations.ts";
import { deleteDeadSessions } from "./store/queries/sessions.ts";
import type { Store, Tx } from "./store/store.ts";

const INTERVAL_MS = 60_000;
/** Rows deleted in one write, so that it holds nobody up. */
const BATCH = 500;
/** How long audit events are kept, in milliseconds: 90 days. */
const AUDIT_LIFE_MS = 90 * 86_400_000;

/** Tidies up until it is stopped. */
export type Housekeeping = {
  readonly tidy: () => Promise<void>;
  readonly start: () => void;
  readonly stop: () => void;
};

/** {@link Housekeeping} of one database. */
export function createHousekeeping(deps: {
  readonly store: Pick<Store, "write">;
  readonly serviceUse: Pick<ServiceUse, "flush">;
  /** A time that is past for certain, in milliseconds: what a clock that is ahead calls past may not be. */
  readonly earliest: () => number;
  readonly log: Log;
  /** Whether it deletes; where several workers share a database, one is enough. */
  readonly sweeps?: boolean;
}): Housekeeping {
  const { store, serviceUse, earliest, log, sweeps = true } = deps;
  let timer: NodeJS.Timeout | null = null;

  const past = ({ now }: Tx) => Math.min(now, earliest());

  /** Writes until a batch is not full. */
  async function inBatches(work: (tx: Tx) => Promise<number>): Promise<void> {
    while ((await store.write(work)) === BATCH);
  }

  async function sweep(): Promise<void> {
    await store.write((tx) => forgetRevocations(tx, past(tx)));
    await store.write((tx) => dropDeadKeys(tx, past(tx)));
    await inBatches((tx) => deleteDeadSessions(tx.db, past(tx), BATCH));
    await inBatches((tx) => deleteOldAuditEvents(tx.db, past(tx) - AUDIT_LIFE_MS, BATCH));
  }

  async function tidy(): Promise<void> {
    if (sweeps) await sweep();
    await serviceUse.flush();
  }

  return {
    tidy,
    start() {
      timer = setInterval(() => {
        tidy().catch((error: unknown) => log.warn({ event: "housekeeping_failed", error }, "could not tidy up"));
      }, INTERVAL_MS);
      timer.unref();
    },
    stop() {
      if (timer !== null) clearInterval(timer);
    },
  };
}

async function dropDeadKeys(tx: Tx, now: number): Promise<void> {
  const [kid] = await deleteDeadKeys(tx.db, now);
  if (kid !== undefined) await announceKeys(tx, kid, 0);
}
