import { monitorEventLoopDelay } from "node:perf_hooks";
import { type Aggregator, Counter, Gauge, type Registry } from "prom-client";

/** How often the event loop is expected to come round, in milliseconds. */
const RESOLUTION_MS = 10;

const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;

/**
 * Shows memory, processor time and the delay of the event loop of this process in
 * `registry`, under the names that Prometheus clients have agreed on. The library's
 * own set watches the process for ever; this one stops.
 * @returns a function that ends the watch.
 */
export function addProcessGauges(registry: Registry): () => void {
  const gauge = (name: string, help: string, read: () => number, aggregator: Aggregator = "sum") =>
    new Gauge({
      name,
      help,
      aggregator,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const memory = process.memoryUsage;
  gauge("process_resident_memory_bytes", "Resident memory.", memory.rss);
  gauge("nodejs_heap_size_total_bytes", "Size of the heap.", () => memory().heapTotal);
  gauge("nodejs_heap_size_used_bytes", "Used part of the heap.", () => memory().heapUsed);
  gauge("nodejs_external_memory_bytes", "Memory outside of the heap.", () => memory().external);
  gauge("process_start_time_seconds", "When the process started, in Unix time.", startTime, "min");
  addProcessorTime(registry);
  return addEventLoopDelay(registry);
}

function addProcessorTime(registry: Registry): void {
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time that was used, by the process itself and by the system for it.",
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / MICROSECONDS);
    },
  });
}

function addEventLoopDelay(registry: Registry): () => void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  // What is measured is the time between two rounds, of which the wait itself is no delay.
  const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000);
  new Gauge({
    name: "sallyport_event_loop_delay_seconds",
    help: "How late the event loop came round since the last scrape, by quantile; 1 is the worst.",
    labelNames: ["quantile"],
    aggregator: "max",
    registers: [registry],
    collect() {
      for (const quantile of [0.5, 0.9, 0.99, 1]) {
        const delay = delays.count === 0 ? 0 : seconds(delays.percentile(quantile * 100));
        this.set({ quantile: String(quantile) }, delay);
      }
      delays.reset();
    },
  });
  delays.enable();
  return () => void delays.disable();
}

function startTime(): number {
  return Math.round(Date.now() / 1000 - process.uptime());
}
