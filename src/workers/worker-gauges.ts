import { Counter, Gauge, type Registry } from "prom-client";

/**
 * Shows in `registry` how many workers there are.
 * @returns a function that counts one that has ended.
 */
export function addWorkerGauges(registry: Registry, working: () => number): () => void {
  new Gauge({
    name: "sallyport_workers",
    help: "Workers that take connections now; only where SALLYPORT_WORKERS is more than 1.",
    registers: [registry],
    collect() {
      this.set(working());
    },
  });
  const ended = new Counter({
    name: "sallyport_workers_ended_total",
    help: "Workers that have ended, and were or will be replaced; only where SALLYPORT_WORKERS is more than 1.",
    registers: [registry],
  });
  return () => ended.inc();
}
