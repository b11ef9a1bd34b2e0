/**
 * The port. Everything that comes over the network enters here: Connect, gRPC,
 * gRPC-Web and plain HTTP, over HTTP/1.1 and HTTP/2, on one port, which speaks
 * cleartext or, with a certificate, TLS and nothing else.
 *
 * This folder owns sockets, protocols, limits of size and time, health,
 * reflection and the graceful stop. It knows nothing of users or tokens: what
 * RPCs do, and who may call them, is handed in.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import type { Config } from "../config.ts";
import type { ForwardAuth } from "../forward-auth/forward-auth.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import type { Log } from "../log.ts";
import { BOUNDS, TIMEOUTS, type Timeouts } from "./bounds.ts";
import type { ClientCertificate } from "./client-certificate.ts";
import { createConnections } from "./connections.ts";
import { createCors } from "./cors.ts";
import { createDispatch } from "./dispatch.ts";
import { createDrain } from "./drain.ts";
import { createExchanges } from "./exchange.ts";
import { createHttp1 } from "./http1.ts";
import { createHttp2 } from "./http2.ts";
import { createPort, type Intake, urlOf } from "./intake.ts";
import { createOpenRequests } from "./open-requests.ts";
import { createRequestLog, type RequestMeter } from "./request-log.ts";
import { createRoutes, type MetricsPage } from "./routes.ts";
import { createRpcAdapter } from "./rpc-adapter.ts";
import { createRpcs, type UnaryBy } from "./rpcs.ts";
import { createSniffer } from "./sniff.ts";
import { createTls, type OpenTlsFiles } from "./tls.ts";

/** A server that can be started once, and stopped. */
export type Server = {
  /**
   * Starts to listen.
   * @returns where; `url` has the address as it is configured, and the port that was really taken.
   * @throws what the system says if the address cannot be listened on (`EADDRINUSE`, `EACCES`).
   */
  readonly listen: () => Promise<{ url: string; port: number }>;
  /**
   * Stops: reports itself as not serving, goes on serving for the configured
   * delay, takes no more connections, lets work in flight finish for up to
   * `LIMITS.shutdownMs`, then cuts what remains. Resolves when every connection
   * is gone. Calling it again yields the same promise.
   */
  readonly close: () => Promise<void>;
};

/** What a server is made of. */
export type ServerDeps = {
  readonly config: Pick<Config, "host" | "port" | "allowedOrigins" | "shutdownDelayMs" | "issuer">;
  /** Where connections come from; a port of this process unless given. */
  readonly intake?: Intake | undefined;
  /** What TLS is spoken with; `null`: the port speaks cleartext. */
  readonly tlsFiles: OpenTlsFiles | null;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Version of this software, told at `/`. */
  readonly version: string;
  /** Registers the services; health and reflection come by themselves. */
  readonly routes: (router: ConnectRouter) => void;
  /** Run around every call, those of health and reflection too. */
  readonly interceptors: readonly Interceptor[];
  /** The services that health and reflection tell of. */
  readonly services: readonly DescService[];
  /** The current key set, as plain JSON. */
  readonly jwks: () => object;
  /** True while the rest of the process is able to serve. */
  readonly isReady: () => boolean;
  /** Counts and times every call. */
  readonly meter?: RequestMeter | null;
  /** What `/metrics` answers on this port; without it there is no such path. */
  readonly metrics?: MetricsPage | null;
  /** What proxies ask; without it there is no such path. */
  readonly forwardAuth?: ForwardAuth | null;
  /** What runs unary calls; `lean` unless stated. `library` is there for the suite that proves the two alike. */
  readonly unaryBy?: UnaryBy;
  /** Shorter times for tests. */
  readonly timeouts?: Partial<Timeouts>;
};

/** Makes a server that does not listen yet. */
export function createServer(deps: ServerDeps): Server {
  const { config, log, clock } = deps;
  const timeouts = { ...TIMEOUTS, ...deps.timeouts };
  const { meter = null, metrics = null, forwardAuth = null, unaryBy = "lean" } = deps;
  const { intake = createPort(config, log) } = deps;
  const serviceNames = deps.services.map((service) => service.typeName);
  const connections = createConnections();
  const drain = createDrain({ log, connections, shutdownDelayMs: config.shutdownDelayMs, timeouts });
  const isServing = () => deps.isReady() && !drain.isStopping();

  const { handlers, unary } = createRpcs({ ...deps, unaryBy, serviceNames, isServing, healthMs: timeouts.healthMs });
  const openRequests = createOpenRequests(BOUNDS.openRequests);
  const dispatch = createDispatch({
    connections,
    beginExchange: createExchanges({
      clock,
      random: deps.random,
      isStopping: drain.isStopping,
      openRequests,
      meter,
      logRequest: createRequestLog({ log, clock, meter }),
    }),
    rpcs: handlers,
    unary,
    routes: createRoutes({
      issuer: config.issuer,
      version: deps.version,
      serviceNames,
      jwks: deps.jwks,
      isServing,
      metrics,
      forwardAuth,
    }),
    runRpc: createRpcAdapter(drain.streamsEnd),
    setCorsHeaders: createCors(config.allowedOrigins),
    lingerMs: timeouts.lingerMs,
  });
  const http1 = createHttp1({ handle: dispatch.request, openRequests, connections, timeouts });
  const http2 = createHttp2({ dispatch, openRequests, connections, timeouts });
  const sniff = createSniffer({ http1: http1.accept, http2: http2.accept, prefaceMs: timeouts.prefaceMs });
  const tls = deps.tlsFiles && createTls({ opened: deps.tlsFiles, hand, trustChanged, timeouts, clock, log });
  const accept = tls?.accept ?? sniff;

  /** Hands a connection over TLS to the protocol that its client has chosen (ALPN, RFC 7301). */
  function hand(socket: TLSSocket, certificate: ClientCertificate | null): void {
    socket.on("error", () => {});
    connections.add(socket, certificate);
    if (socket.alpnProtocol === "h2") http2.accept(socket);
    else http1.accept(socket);
  }

  /** Lets go, without haste, of every client that was let in by other authorities than count now. */
  function trustChanged(): void {
    connections.windUp();
    http1.closeIdle();
    http2.goAway();
  }

  function take(socket: Socket): void {
    // Whatever goes wrong on a connection ends it; nobody else is concerned.
    socket.on("error", () => {});
    connections.add(socket);
    accept(socket);
  }

  let lookForUntaken: NodeJS.Timeout | undefined;
  let closed: Promise<void> | null = null;
  return {
    async listen() {
      const port = await intake.open(take);
      tls?.start();
      lookForUntaken = setInterval(connections.cutUntaken, timeouts.takeMs).unref();
      return { url: urlOf({ host: config.host, port }, tls !== null), port };
    },
    close() {
      tls?.stop();
      closed ??= drain.run({ intake, http1, http2 }).then(() => clearInterval(lookForUntaken));
      return closed;
    },
  };
}
