import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Exposition } from "./metrics.ts";

/** A port of its own for `/metrics`, for the eyes of operators alone. */
export type MetricsListener = {
  /** Starts to listen; where. @throws Error that names the setting if the address cannot be listened on. */
  readonly listen: () => Promise<string>;
  /** Cuts every connection and stops. */
  readonly close: () => Promise<void>;
};

/** A scraper asks every few seconds, by a few connections. */
const BOUNDS = { connections: 32, headerBytes: 8 * 1024, headersMs: 5_000, idleMs: 60_000 };

const ADVICE = "set it to an address of this machine and a port that is free";

/** A {@link MetricsListener} that does not listen yet. */
export function createMetricsListener(
  { host, port }: { readonly host: string; readonly port: number },
  exposition: Exposition,
): MetricsListener {
  const bounds = {
    maxHeaderSize: BOUNDS.headerBytes,
    headersTimeout: BOUNDS.headersMs,
    requestTimeout: BOUNDS.headersMs,
    keepAliveTimeout: BOUNDS.idleMs,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(bounds, (request, response) => serve(request, response, exposition));
  server.maxConnections = BOUNDS.connections;

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        const refuse = (cause: Error) =>
          reject(new Error(`cannot listen on SALLYPORT_METRICS_ADDRESS (${cause.message}); ${ADVICE}`, { cause }));
        server.once("error", refuse);
        server.listen({ host, port }, () => {
          server.off("error", refuse).on("error", () => {});
          const address = server.address();
          const taken = typeof address === "object" && address ? address.port : port;
          resolve(`http://${host.includes(":") ? `[${host}]` : host}:${taken}/metrics`);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function serve(request: IncomingMessage, response: ServerResponse, exposition: Exposition): void {
  const [path] = request.url?.split("?") ?? [];
  if (path !== "/metrics") {
    response.writeHead(404).end("there is only /metrics here\n");
  } else if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
  } else {
    exposition.read().then(
      (text) => response.writeHead(200, { "content-type": exposition.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  }
}
