/** A proxy for bytes that can swallow answers: the server has done its work, and the client sees its connection break. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A proxy that listens. */
export type CuttingProxy = {
  readonly url: string;
  /** Lets so many of the next answers break their connection instead of coming through. */
  readonly cutNextAnswers: (answers: number) => void;
  /** How many did. */
  readonly cuts: () => number;
  readonly close: () => Promise<void>;
};

/** The size from which what the server says is an answer, rather than HTTP/2's own talk. */
const ANSWER_BYTES = 100;

/** A proxy before a port of loopback. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let toCut = 0;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", end).on("error", end);
    }
    client.pipe(upstream);
    upstream.on("data", (bytes) => {
      if (toCut === 0 || bytes.length < ANSWER_BYTES) return void client.write(bytes);
      toCut -= 1;
      cuts += 1;
      end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    cutNextAnswers(answers) {
      toCut += answers;
    },
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
