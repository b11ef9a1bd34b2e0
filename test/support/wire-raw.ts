/** Clients that send exactly what they are told: bytes, HTTP/1 requests, HTTP/2 requests. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { type ClientHttp2Session, type IncomingHttpHeaders as Http2Headers, connect as http2Connect } from "node:http2";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** An answer, read to its end. */
export type Answer = {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: Record<string, unknown>;
  body: Buffer;
};

type Asked = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: Uint8Array | string;
};

/** Asks over HTTP/1.1, on a connection of its own. */
export function ask1(port: number, { method = "GET", path, headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          trailers: response.trailers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** A session over HTTP/2 with prior knowledge, closed when the test is over. */
export function session2(port: number): ClientHttp2Session {
  const session = http2Connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Asks over HTTP/2, on `session` or on a connection of its own. */
export async function ask2(port: number, asked: Asked, session?: ClientHttp2Session): Promise<Answer> {
  const own = session ?? session2(port);
  try {
    return await askOn(own, asked);
  } finally {
    if (!session) own.close();
  }
}

function askOn(session: ClientHttp2Session, { method = "GET", path, headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": method, ":path": path, ...headers }, { endStream: false });
    let head: Http2Headers = {};
    let trailers: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      head = received;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () =>
      resolve({ status: Number(head[":status"]), headers: head, trailers, body: Buffer.concat(chunks) }),
    );
    session.once("error", reject);
    stream.end(body);
  });
}

/** Both HTTP versions, for tests that hold for either. */
export const VERSIONS = [
  ["HTTP/1.1", ask1],
  ["HTTP/2", ask2],
] as const;

/** A bare connection, and all that has come back on it. */
export type RawConnection = {
  readonly socket: Socket;
  readonly received: () => Buffer;
  /** Resolves when the other end has closed. */
  readonly closed: Promise<void>;
};

/** Opens a bare connection, destroyed when the test is over. */
export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  onTestFinished(() => {
    socket.destroy();
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return { socket, received: () => Buffer.concat(chunks), closed };
}

/** A gRPC message with its prefix: flags and length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export function envelope(data: Uint8Array, { flags = 0, length = data.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, data]);
}
