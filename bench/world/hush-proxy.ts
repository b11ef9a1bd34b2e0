/** A proxy before PostgreSQL that lets no hints through: who listens for them is cut off, again and again. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A proxy that listens. */
export type HushProxy = {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** How many connections were cut. */
  readonly cuts: () => number;
  readonly close: () => Promise<void>;
};

/** How an instance begins to listen for hints. */
const LISTEN = "listen sallyport_log";

/** A proxy before the database at `target`. */
export async function startHushProxy(target: string): Promise<HushProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true });
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", end).once("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (bytes) => {
      if (!bytes.includes(LISTEN)) return void upstream.write(bytes);
      cuts += 1;
      end();
    });
    upstream.on("data", (bytes) => client.write(bytes));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const url = new URL(target);
  url.port = String(address.port);
  return {
    url: url.href,
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
