/** A listening server with one small service behind it, and what was seen of its calls. */
import { Code, ConnectError, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { onTestFinished } from "vitest";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AdminService } from "../../gen/sallyport/auth/v1/admin_service_pb.ts";
import { type AuthorizeRequest, AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { type Call, callKey } from "../../src/rpc/call.ts";
import { createServer, type Server, type ServerDeps } from "../../src/server/server.ts";
import { openTlsFiles } from "../../src/server/tls.ts";
import type { TlsFiles } from "../../src/server/tls-files.ts";

/** A call as the service saw it. */
export type SeenCall = { call: Call; message: AuthorizeRequest; timeoutMs: number | undefined; signal: AbortSignal };

type Options = {
  readonly timeouts?: ServerDeps["timeouts"];
  readonly config?: Partial<ServerDeps["config"]>;
  /** Files of a certificate, for a port that speaks TLS. */
  readonly tls?: TlsFiles;
  readonly isReady?: () => boolean;
  readonly jwks?: () => object;
  readonly interceptors?: readonly Interceptor[];
  /** Length of a text that the answer to `Authorize` carries. */
  readonly answerLength?: number;
  /** What `Authorize` does before it answers. */
  readonly work?: (context: HandlerContext) => Promise<void>;
};

/** A server that listens. It is stopped when the test is over. */
export type WireServer = {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Calls that reached the service. */
  readonly calls: SeenCall[];
  /** Lines of the log, parsed. */
  readonly lines: Record<string, unknown>[];
  /** The log as it was written. */
  readonly text: () => string;
  /** Resolves with the first line that has these fields. */
  readonly line: (fields: Record<string, unknown>) => Promise<Record<string, unknown>>;
};

export const JWKS = { keys: [{ kty: "EC", crv: "P-256", kid: "k1", x: "AA", y: "AA", alg: "ES256", use: "sig" }] };

/** Tells the log how a call ended, as the real chain does. */
const observe: Interceptor = (next) => async (request) => {
  const { outcome } = request.contextValues.get(callKey);
  try {
    const response = await next(request);
    if (!response.stream) outcome.code = "OK";
    return response;
  } catch (error) {
    const { code } = ConnectError.from(error);
    outcome.code = code === Code.NotFound ? "NOT_FOUND" : "UNKNOWN";
    outcome.cause = error instanceof ConnectError ? null : error;
    throw error;
  }
};

/** Starts a server on a free port of 127.0.0.1. */
export async function startWireServer(options: Options = {}): Promise<WireServer> {
  const calls: SeenCall[] = [];
  const lines: Record<string, unknown>[] = [];
  let text = "";
  const destination = {
    write(line: string) {
      text += line;
      lines.push(JSON.parse(line));
    },
  };
  const server = createServer({
    config: {
      host: "127.0.0.1",
      port: 0,
      allowedOrigins: [],
      shutdownDelayMs: 0,
      issuer: "https://issuer.example",
      ...options.config,
    },
    tlsFiles: await openTlsFiles(options.tls ?? null),
    log: createLog({ level: "debug", destination }),
    clock: systemClock,
    random: systemRandom,
    version: "1.2.3",
    routes: (router) =>
      router.service(AuthService, {
        async authorize(message, context) {
          const { signal } = context;
          calls.push({ call: context.values.get(callKey), message, timeoutMs: context.timeoutMs(), signal });
          await options.work?.(context);
          const username = "x".repeat(options.answerLength ?? 0);
          const principal = { userId: message.audience, username, roles: message.anyRole };
          return { decision: { case: "granted", value: { principal } } };
        },
        logout() {
          throw new ConnectError("no session", Code.NotFound);
        },
      }),
    interceptors: [observe, ...(options.interceptors ?? [])],
    services: [AuthService, AccountService, AdminService],
    jwks: options.jwks ?? (() => JWKS),
    isReady: options.isReady ?? (() => true),
    ...(options.timeouts && { timeouts: options.timeouts }),
  });
  const { url, port } = await server.listen();
  onTestFinished(() => server.close());
  const matches = (fields: Record<string, unknown>) => (line: Record<string, unknown>) =>
    Object.entries(fields).every(([name, value]) => line[name] === value);
  return {
    url,
    port,
    server,
    calls,
    lines,
    text: () => text,
    line: (fields) => until(() => lines.find(matches(fields)), `a log line with ${JSON.stringify(fields)}`),
  };
}

/** Resolves with what `look` finds, as soon as it finds something. */
export async function until<T>(look: () => T | undefined | false | null, what: string): Promise<T> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain for ${what}`);
}
