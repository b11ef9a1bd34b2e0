import type { Clock } from "../lib/clock.ts";
import { noteServiceUse } from "../store/queries/services.ts";
import type { Store } from "../store/store.ts";

/** When services last called: noted in memory on each call, written now and then. */
export type ServiceUse = { readonly note: (serviceId: string) => void; readonly flush: () => Promise<void> };

/** A {@link ServiceUse} that writes to `store`. */
export function createServiceUse({ store, clock }: { store: Pick<Store, "write">; clock: Clock }): ServiceUse {
  let latest = new Map<string, number>();
  return {
    note: (serviceId) => void latest.set(serviceId, clock.now()),
    async flush() {
      if (latest.size === 0) return;
      const uses = latest;
      latest = new Map();
      try {
        await store.write(async ({ db }) => {
          // In one order everywhere: two that write the same must not wait for each other.
          for (const [id, usedAt] of [...uses].sort()) await noteServiceUse(db, id, usedAt);
        });
      } catch (error) {
        // What was noted meanwhile is later than what could not be written.
        latest = new Map([...uses, ...latest]);
        throw error;
      }
    },
  };
}
