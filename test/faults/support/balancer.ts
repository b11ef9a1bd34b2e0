/** A balancer of TCP connections, as plain as they come: it knows who says that it is ready, and takes turns. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** How often each instance is asked, in milliseconds. */
const ASK_MS = 100;
/** An instance that says nothing for so long is not ready. */
const ANSWER_MS = 5_000;

/** A balancer that listens. */
export type Balancer = {
  readonly port: number;
  readonly url: string;
  /** How many instances are sent connections. */
  readonly readyCount: () => number;
  readonly close: () => Promise<void>;
};

/** Sends each connection to one of the instances at these ports, of those whose `/readyz` said 200 when last asked. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const ready = new Set<number>();
  const sockets = new Set<Socket>();
  let turn = 0;

  async function ask(port: number): Promise<void> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const isReady = await fetch(`http://127.0.0.1:${port}/readyz`, { signal, headers: { connection: "close" } }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status === 200;
      },
      () => false,
    );
    if (isReady) ready.add(port);
    else ready.delete(port);
  }

  function hold(socket: Socket): void {
    sockets.add(socket);
    socket.setNoDelay(true).once("close", () => sockets.delete(socket));
  }

  const server = createServer((client) => {
    hold(client);
    const candidates = [...ready];
    const port = candidates[turn++ % Math.max(1, candidates.length)];
    if (port === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect(port, "127.0.0.1");
    hold(upstream);
    client.on("error", () => upstream.destroy()).pipe(upstream);
    upstream.on("error", () => client.destroy()).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the balancer has no port");
  await Promise.all(ports.map(ask));
  const timer = setInterval(() => {
    for (const port of ports) void ask(port);
  }, ASK_MS);

  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    readyCount: () => ready.size,
    async close() {
      clearInterval(timer);
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
