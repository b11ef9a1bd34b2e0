/** Clients over TLS: bare connections, HTTP/1.1 and HTTP/2, the stock gRPC client. */
import { type ClientHttp2Session, connect as http2Connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { Client, credentials } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import type { Pair } from "./certificates.ts";

/** Whom a client believes, and what it shows. */
export type Trust = { readonly ca: string; readonly maxVersion?: "TLSv1.2" | "TLSv1.3" } & Partial<Pair>;

/** A bare connection over TLS, and all that has come of it. */
export type TlsConnection = {
  readonly socket: TLSSocket;
  readonly received: () => Buffer;
  /** Resolves when the handshake is over for the client; rejects if it fails. */
  readonly secured: Promise<void>;
  /** Resolves when the connection is gone, with the code of the error that ended it, if one did. */
  readonly closed: Promise<string | null>;
};

/** Opens a connection, destroyed when the test is over. */
export function tlsConnection(port: number, options: ConnectionOptions): TlsConnection {
  const socket = connect({ host: "127.0.0.1", port, ...options });
  const chunks: Buffer[] = [];
  let code: string | null = null;
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", (error: NodeJS.ErrnoException) => {
    code = error.code ?? error.message;
  });
  onTestFinished(() => void socket.destroy());
  const closed = new Promise<string | null>((resolve) => socket.once("close", () => resolve(code)));
  const secured = new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  secured.catch(() => {});
  return { socket, received: () => Buffer.concat(chunks), secured, closed };
}

type Asked = { readonly path: string; readonly method?: string; readonly headers?: object; readonly body?: string };

/** Asks over HTTP/1.1 and TLS, on a connection of its own. */
export function askTls1(port: number, trust: Trust, { path, method = "GET", headers = {}, body }: Asked) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method, headers: { ...headers }, agent: false, ...trust };
    const request = httpsRequest(options, async (response) => {
      try {
        const chunks: Buffer[] = await response.toArray();
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** A session over HTTP/2 and TLS, closed when the test is over. */
export function sessionTls2(port: number, trust: Trust): ClientHttp2Session {
  const session = http2Connect(`https://127.0.0.1:${port}`, trust);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** The stock gRPC client of Node, closed when the test is over. */
export function grpcTlsClient(port: number, { ca, cert, key }: Trust): Client {
  const [root, chain, secret] = [ca, cert, key].map((text) => (text === undefined ? null : Buffer.from(text)));
  // No name of a server may be an address (RFC 6066 section 3).
  const options = { "grpc.ssl_target_name_override": "localhost" };
  const client = new Client(`127.0.0.1:${port}`, credentials.createSsl(root, secret, chain), options);
  onTestFinished(() => client.close());
  return client;
}
