/**
 * Where connections come from: a port that this process listens on, or another
 * process, which listens and hands them over.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Log } from "../log.ts";
import { BOUNDS } from "./bounds.ts";

/** A source of connections. */
export type Intake = {
  /**
   * Begins to hand each connection to `take`; the port that they come by.
   * @throws what the system says if the address cannot be listened on (`EADDRINUSE`, `EACCES`).
   */
  readonly open: (take: (socket: Socket) => void) => Promise<number>;
  /** Whether clients may be connecting. */
  readonly isOpen: () => boolean;
  /** Takes no more. Resolves when every connection that was taken is gone. */
  readonly close: () => Promise<void>;
};

/** An address to listen on; port 0 takes a free one. */
export type Address = { readonly host: string; readonly port: number };

/** What holds for the sockets of every port: TCP's own probes find peers that are gone without a word. */
const SOCKETS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };

/** A port of this process, to be opened. */
export function createPort(address: Address, log: Log): Intake {
  const server = createServer(SOCKETS);
  server.maxConnections = BOUNDS.connections;
  return {
    open(take) {
      server.on("connection", take);
      return listen(server, address, log);
    },
    isOpen: () => server.listening,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** A port whose connections nobody reads from until another process has taken them. */
export function createPortForOthers(): Server {
  return createServer({ ...SOCKETS, pauseOnConnect: true });
}

/** Listens; the port that was taken. @throws what the system says if that cannot be. */
export function listen(server: Server, { host, port }: Address, log: Log): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject).on("error", (error) => log.error({ event: "accept_failed", error }));
      resolve(portOf(server.address(), port));
    });
  });
}

function portOf(address: AddressInfo | string | null, otherwise: number): number {
  return typeof address === "object" && address !== null ? address.port : otherwise;
}

/** What clients call the port by. */
export function urlOf({ host, port }: Address, isTls: boolean): string {
  return `${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
