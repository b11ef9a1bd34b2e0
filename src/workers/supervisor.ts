/**
 * Several processes behind one port. The supervisor has the port and hands each
 * connection to a worker, which is the service in all but that; it brokers the
 * permits for password hashes, which are of the machine and not of a process, joins
 * figures, replaces workers that die or hang, and stops all together. It never looks at
 * a byte that a client sends, and does not open the database.
 *
 * Workers know of each other by the database alone, as instances on different
 * machines do. A worker without its supervisor ends.
 */
import { Registry } from "prom-client";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { BOUNDS } from "../server/bounds.ts";
import { createPortForOthers, listen, urlOf } from "../server/intake.ts";
import { createMetricsListener } from "../telemetry/metrics-listener.ts";
import { addProcessGauges } from "../telemetry/process-gauges.ts";
import { type AllFigures, createAllFigures } from "./all-figures.ts";
import { type Crew, createCrew, type Member } from "./crew.ts";
import { createHandout, type Seat } from "./handout.ts";
import type { ToSupervisor } from "./messages.ts";
import { createPermitBroker } from "./permit-broker.ts";
import { createPulse } from "./pulse.ts";
import { addWorkerGauges } from "./worker-gauges.ts";
import type { StartWorker } from "./worker-process.ts";

/** A service of several processes. */
export type Supervisor = {
  /** Starts the workers. @throws WorkerFailed */
  readonly start: () => Promise<void>;
  /** Begins to listen; where. @throws what the system says of the address. */
  readonly listen: () => Promise<{ readonly url: string }>;
  /** Stops all in good order; whether all ended as they should. Calling it again yields the same promise. */
  readonly close: () => Promise<boolean>;
  /** Ends every worker at once. */
  readonly kill: () => void;
  /** Rejects with WorkerFailed when nobody is left to serve, and nobody to be had. */
  readonly lost: Promise<never>;
};

type SupervisorDeps = {
  readonly config: Pick<Config, "host" | "port" | "workers" | "tls" | "metricsAddress" | "shutdownDelayMs">;
  readonly log: Log;
  readonly startWorker: StartWorker;
  /** Password hashes that run at once, in all workers together. */
  readonly hashPermits: number;
};

/** A supervisor that has started nothing yet. */
export function createSupervisor({ config, log, startWorker, hashPermits }: SupervisorDeps): Supervisor {
  const { host, port, workers, tls, metricsAddress, shutdownDelayMs } = config;
  const server = createPortForOthers();
  const handout = createHandout(BOUNDS.connections);
  server.on("connection", handout.give);
  const broker = createPermitBroker<Member>(hashPermits, ({ process }) => process.tell({ kind: "permit" }));
  const registry = new Registry();
  const figures = createAllFigures(() => registry.getMetricsAsJSON());
  const stopGauges = addProcessGauges(registry);
  const noteDeath = addWorkerGauges(registry, handout.seats);
  const metricsPort =
    metricsAddress && createMetricsListener(metricsAddress, { contentType: registry.contentType, read: figures.read });
  const seats = new Map<Member, Seat>();
  const counted = new Map<Member, Parameters<AllFigures["add"]>[0]>();
  const pulse = createPulse({ log, onHung: leave });
  let closed: Promise<boolean> | null = null;

  const crew: Crew = createCrew({
    size: workers,
    startWorker,
    shutdownDelayMs,
    log,
    tick: () => performance.now(),
    joined(member) {
      const one = { ask: (id: number) => member.process.tell({ kind: "tell_figures", id }) };
      counted.set(member, one);
      figures.add(one);
    },
    heard,
    left(member) {
      pulse.forget(member);
      seats.get(member)?.vacate();
      leave(member);
      seats.delete(member);
      broker.drop(member);
      const one = counted.get(member);
      if (one !== undefined) figures.remove(one);
      counted.delete(member);
      noteDeath();
    },
  });

  function heard(member: Member, message: ToSupervisor): void {
    const { process } = member;
    const seat = seats.get(member);
    pulse.felt(member);
    switch (message.kind) {
      case "taking":
        seats.set(member, handout.seat(process.hand));
        pulse.watch(member);
        if (server.listening) process.tell({ kind: "port_open" });
        break;
      case "leaving":
        leave(member);
        break;
      case "taken":
        seat?.taken(message.id);
        break;
      case "declined":
        seat?.declined(message.id);
        break;
      case "ended":
        seat?.ended(message.count);
        break;
      case "want_permit":
        broker.want(member);
        break;
      case "free_permit":
        broker.free(member);
        break;
      case "figures":
        figures.answered(message.id, message.figures);
        break;
      case "want_all_figures":
        void tellAllFigures(member, message.id);
        break;
      case "here":
        break;
    }
  }

  /** What it had not taken goes to others when it says so or is gone: until then it may still take it, even if it hangs. */
  function leave(member: Member): void {
    seats.get(member)?.leave();
    if (closed !== null && handout.seats() === 0) closePort();
  }

  async function tellAllFigures({ process }: Member, id: number): Promise<void> {
    const text = await figures.read().catch(() => null);
    process.tell({ kind: "all_figures", id, text });
  }

  function closePort(): void {
    handout.close();
    if (server.listening) server.close();
  }

  async function stop(): Promise<boolean> {
    const allWell = await crew.stop();
    closePort();
    pulse.stop();
    await metricsPort?.close();
    stopGauges();
    return allWell;
  }

  return {
    start: crew.start,
    async listen() {
      const metricsUrl = await metricsPort?.listen();
      if (metricsUrl !== undefined) log.info({ event: "metrics_listening", url: metricsUrl });
      const taken = await listen(server, { host, port }, log);
      for (const { process } of seats.keys()) process.tell({ kind: "port_open" });
      return { url: urlOf({ host, port: taken }, tls !== null) };
    },
    close() {
      closed ??= stop();
      return closed;
    },
    kill: crew.kill,
    lost: crew.lost,
  };
}
