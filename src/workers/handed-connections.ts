/** The connections of one worker: handed over by the supervisor, which has the port. */
import type { Socket } from "node:net";
import type { Intake } from "../server/intake.ts";
import type { ToSupervisor } from "./messages.ts";

/** An {@link Intake} that is handed its connections. */
export type HandedConnections = Intake & {
  /** The port is open. */
  readonly portOpen: () => void;
  /** Takes a connection, or leaves it to another worker. `null`: it was gone before it came here. */
  readonly hand: (id: number, socket: Socket | null) => void;
};

/** Connections that come by `port`, told of by `tell`. */
export function createHandedConnections(port: number, tell: (message: ToSupervisor) => void): HandedConnections {
  const sockets = new Set<Socket>();
  let take: ((socket: Socket) => void) | null = null;
  let isPortOpen = false;
  let ended = 0;
  let whenEmpty = () => {};

  /** Many that end together are told of together. */
  function end(socket: Socket): void {
    sockets.delete(socket);
    if (ended === 0) setImmediate(tellEnded);
    ended += 1;
    if (sockets.size === 0) whenEmpty();
  }

  function tellEnded(): void {
    tell({ kind: "ended", count: ended });
    ended = 0;
  }

  return {
    async open(taker) {
      take = taker;
      tell({ kind: "taking" });
      return port;
    },
    isOpen: () => isPortOpen,
    close() {
      const wasTaking = take !== null;
      take = null;
      if (wasTaking) tell({ kind: "leaving" });
      return new Promise((resolve) => {
        whenEmpty = resolve;
        if (sockets.size === 0) resolve();
      });
    },
    portOpen() {
      isPortOpen = true;
    },
    hand(id, socket) {
      if (take === null) {
        // Before a byte of it is read: that happens in a later turn of the event loop.
        socket?.destroy();
        tell({ kind: "declined", id });
        return;
      }
      tell({ kind: "taken", id });
      if (socket === null) return tell({ kind: "ended", count: 1 });
      sockets.add(socket);
      socket.once("close", () => end(socket));
      take(socket);
    },
  };
}
