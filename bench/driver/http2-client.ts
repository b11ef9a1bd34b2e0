/** Calls over HTTP/2, on as many connections as a few client processes would have. */
import { openConnection } from "./http2-connection.ts";
import type { Client, Target } from "./job.ts";

const MAX_CONNECTIONS = 4;

/** A {@link Client} for so many workers. */
export function createHttp2Client(target: Target, workers: number): Client {
  const connections = Array.from({ length: Math.min(workers, MAX_CONNECTIONS) }, () => openConnection(target));
  return {
    call: (worker, body, done) => connections[worker % connections.length]?.ask(body, done),
    close() {
      for (const connection of connections) connection.close();
    },
  };
}
