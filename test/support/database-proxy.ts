/** A proxy before a database that fails as networks do: it is slow, falls silent, or loses the answer to a statement. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** A proxy that listens. */
export type DatabaseProxy = {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** From now on whatever comes from the database comes so much later, in milliseconds. */
  readonly slowDown: (ms: number) => void;
  /** From now on nothing comes through in either direction, and nobody is told. */
  readonly stall: () => void;
  /** Connections that are made from now on work; those that stalled stay as they are. */
  readonly resume: () => void;
  /** Breaks the connection in place of the next answer to a statement that holds this text. */
  readonly loseAnswerTo: (statement: string) => void;
  /** From now on breaks every connection on which a statement holds this text, in place of handing it on. */
  readonly forbid: (statement: string) => void;
  /** How many connections that broke. */
  readonly forbidden: () => number;
  readonly close: () => Promise<void>;
};

/** A proxy before the database at `target`. */
export async function startDatabaseProxy(target: string): Promise<DatabaseProxy> {
  const sockets = new Set<Socket>();
  let isStalled = false;
  let doomed: string | null = null;
  let barred: string | null = null;
  let broken = 0;
  let delayMs = 0;

  const server = createServer({ noDelay: true }, (client) => {
    const { hostname, port } = new URL(target);
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true });
    let isSilent = isStalled;
    let isLost = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    let underWay = 0;
    let last: Promise<unknown> = Promise.resolve();
    /** In the order in which it came, whatever the delay was or is. */
    function deliver(bytes: Buffer): void {
      if (underWay === 0 && delayMs === 0) {
        client.write(bytes);
        return;
      }
      underWay += 1;
      last = Promise.all([last, pause(delayMs)]).then(() => {
        underWay -= 1;
        if (!isSilent && !client.destroyed) client.write(bytes);
      });
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", end).on("error", end);
    }
    client.on("data", (bytes) => {
      isSilent ||= isStalled;
      if (doomed !== null && bytes.includes(doomed)) {
        isLost = true;
        doomed = null;
      }
      if (barred !== null && bytes.includes(barred)) {
        broken += 1;
        end();
      } else if (!isSilent) upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      isSilent ||= isStalled;
      if (isLost) end();
      else if (!isSilent) deliver(bytes);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const url = new URL(target);
  url.port = String(address.port);
  return {
    url: url.href,
    slowDown(ms) {
      delayMs = ms;
    },
    stall() {
      isStalled = true;
    },
    resume() {
      isStalled = false;
    },
    loseAnswerTo(statement) {
      doomed = statement;
    },
    forbid(statement) {
      barred = statement;
    },
    forbidden: () => broken,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
