/** What ties a worker to its supervisor: connections, permits for hashes, figures, and the order to stop. */
import { Socket } from "node:net";
import { createGrantedPermits, type Permits } from "../lib/permits.ts";
import type { Intake } from "../server/intake.ts";
import type { Figures } from "../telemetry/joined-figures.ts";
import type { Exposition } from "../telemetry/metrics.ts";
import { createHandedConnections } from "./handed-connections.ts";
import { readToWorker, type ToSupervisor, type ToWorker } from "./messages.ts";

/** The channel of a process that was forked. */
export type Channel = Pick<NodeJS.Process, "send" | "on" | "disconnect" | "connected">;

/** A worker's side of what ties it to the supervisor. */
export type WorkerLink = {
  /** Resolves when the database may be opened; `isFirst`: by this one before all others. */
  readonly mayOpen: Promise<{ readonly isFirst: boolean }>;
  readonly intake: Intake;
  readonly hashPermits: Permits;
  /** The metrics of all workers together. */
  readonly allFigures: Pick<Exposition, "read">;
  /** Has this worker's own figures told, whenever they are asked for. */
  readonly showFigures: (read: () => Promise<Figures>) => void;
  /** Lets go of the supervisor, so that the process can end. */
  readonly end: () => void;
};

type WorkerLinkDeps = {
  readonly channel: Channel;
  /** The port that the supervisor listens on. */
  readonly port: number;
  /** Password hashes that may run or wait in this worker. */
  readonly hashPlaces: number;
  /** Told once that it is to stop. */
  readonly onStop: () => void;
  /** Told that the supervisor is gone. */
  readonly onOrphaned: () => void;
};

/** Ties this process to the supervisor that forked it. */
export function createWorkerLink(deps: WorkerLinkDeps): WorkerLink {
  const { channel, port, hashPlaces, onStop, onOrphaned } = deps;
  const asked = new Map<number, (text: string | null) => void>();
  let lastId = 0;
  let readFigures: () => Promise<Figures> = async () => [];
  let hasEnded = false;
  let open: (how: { readonly isFirst: boolean }) => void = () => {};
  const mayOpen = new Promise<{ readonly isFirst: boolean }>((resolve) => {
    open = resolve;
  });

  function tell(message: ToSupervisor): void {
    // Whoever cannot be told is gone, and that ends this process anyway.
    channel.send?.(message, undefined, undefined, () => {});
  }

  const connections = createHandedConnections(port, tell);
  const permits = createGrantedPermits({
    places: hashPlaces,
    want: () => tell({ kind: "want_permit" }),
    free: () => tell({ kind: "free_permit" }),
  });

  function obey(message: ToWorker, handle: unknown): void {
    switch (message.kind) {
      case "open":
        open(message);
        break;
      case "connection":
        connections.hand(message.id, handle instanceof Socket ? handle : null);
        break;
      case "port_open":
        connections.portOpen();
        break;
      case "permit":
        permits.granted();
        break;
      case "tell_figures":
        void tellFigures(message.id);
        break;
      case "are_you_there":
        tell({ kind: "here" });
        break;
      case "all_figures":
        asked.get(message.id)?.(message.text);
        asked.delete(message.id);
        break;
      case "stop":
        onStop();
        break;
    }
  }

  async function tellFigures(id: number): Promise<void> {
    // Figures that cannot be read are no reason to end; those of the others are told.
    tell({ kind: "figures", id, figures: await readFigures().catch(() => []) });
  }

  function readAll(): Promise<string> {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      asked.set(id, (text) => (text === null ? reject(new Error("the metrics cannot be had")) : resolve(text)));
      tell({ kind: "want_all_figures", id });
    });
  }

  channel.on("message", (message, handle) => obey(readToWorker(message), handle));
  channel.on("disconnect", () => {
    if (!hasEnded) onOrphaned();
  });
  // It may have gone while this process was still loading.
  if (!channel.connected) onOrphaned();
  return {
    mayOpen,
    intake: connections,
    hashPermits: permits,
    allFigures: { read: readAll },
    showFigures(read) {
      readFigures = read;
    },
    end() {
      hasEnded = true;
      if (channel.connected) channel.disconnect?.();
    },
  };
}
