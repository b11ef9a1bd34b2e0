import { type Aggregator, Counter, Gauge, type Registry } from "prom-client";
import type { Knowledge } from "../check/knowledge.ts";
import type { Clock } from "../lib/clock.ts";
import type { Permits } from "../lib/permits.ts";

/** What is read of a running instance, each time that somebody looks. */
export type InstanceState = {
  readonly hashQueue: Pick<Permits, "running" | "waiting" | "refused">;
  readonly knowledge: Pick<Knowledge, "revision" | "stalenessMs" | "revocations">;
  /** Calls that watch the revocation feed. */
  readonly watchers: () => number;
  readonly isReady: () => boolean;
  readonly clock: Clock;
};

/** Shows the state of an instance in `registry`. */
export function addInstanceGauges(registry: Registry, state: InstanceState): void {
  const { hashQueue, knowledge, watchers, isReady, clock } = state;
  const gauge = (name: string, help: string, aggregator: Aggregator, read: () => number) =>
    new Gauge({
      name,
      help,
      aggregator,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });

  gauge(
    "sallyport_ready",
    "1 while the instance can serve, else 0; a stop that is under way does not count.",
    "min",
    () => Number(isReady()),
  );
  gauge("sallyport_password_hashes_running", "Password hashes that have a permit.", "sum", hashQueue.running);
  gauge("sallyport_password_hashes_waiting", "Password hashes that wait for a permit.", "sum", hashQueue.waiting);
  gauge(
    "sallyport_log_revision",
    "Newest revision of the revocation log that is known here.",
    "min",
    knowledge.revision,
  );
  gauge(
    "sallyport_log_as_of_age_seconds",
    "Time since the revocation log was last read to its end.",
    "max",
    () => knowledge.stalenessMs(clock.now()) / 1000,
  );
  gauge("sallyport_revocations_held", "Ended sessions and raised epochs in memory.", "max", knowledge.revocations.size);
  gauge("sallyport_feed_watchers", "Calls of VerifierService.Watch that are open.", "sum", watchers);
  new Counter({
    name: "sallyport_password_hashes_refused_total",
    help: "Password hashes that were refused because the queue was full.",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(hashQueue.refused());
    },
  });
}
