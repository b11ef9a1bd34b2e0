/**
 * Calls over HTTP/1.1, one connection for each worker, kept alive. Reads no more of
 * an answer than it must: status, length and body.
 */
import { connect, type Socket } from "node:net";
import type { Answer, Client, Done, Target } from "./job.ts";

const CRLF = "\r\n";

/** A {@link Client} for so many workers. */
export function createHttp1Client(target: Target, workers: number): Client {
  const connections = Array.from({ length: workers }, () => createConnection(target.port));
  const lines = Object.entries({ host: `127.0.0.1:${target.port}`, ...target.headers }).map(
    ([name, value]) => `${name}: ${value}${CRLF}`,
  );
  const head = `${target.method} ${target.path} HTTP/1.1${CRLF}${lines.join("")}`;
  return {
    call(worker, body, done) {
      const text = body === null ? `${head}${CRLF}` : `${head}content-length: ${body.length}${CRLF}${CRLF}`;
      const request = Buffer.from(text, "latin1");
      connections[worker]?.ask(body === null ? request : Buffer.concat([request, body]), done);
    },
    close() {
      for (const connection of connections) connection.socket.destroy();
    },
  };
}

function createConnection(port: number): { socket: Socket; ask: (request: Buffer, done: Done) => void } {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  let waiting: Done | null = null;

  function settle(answer: Answer | Error): void {
    const done = waiting;
    waiting = null;
    received = Buffer.alloc(0);
    done?.(answer);
  }

  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = readAnswer(received);
    if (answer !== null) settle(answer);
  });
  socket.on("error", settle);
  socket.on("close", () => settle(new Error("the connection was closed before the answer")));
  return {
    socket,
    ask(request, done) {
      waiting = done;
      if (socket.destroyed) return settle(new Error("the connection is closed"));
      socket.write(request);
    },
  };
}

/** The answer if all of it is there; `null` before that. */
function readAnswer(received: Buffer): Answer | null {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [statusLine = "", ...lines] = received.toString("latin1", 0, end).split(CRLF);
  const headers = Object.fromEntries(lines.map(splitField));
  const rest = received.subarray(end + 4);
  const length = headers["content-length"];
  const body = length === undefined ? readChunks(rest) : takeExactly(rest, Number(length));
  if (body === null) return null;
  return { status: Number(statusLine.split(" ")[1]), grpcStatus: null, headers, trailers: {}, body };
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function takeExactly(rest: Buffer, length: number): Buffer | null {
  return rest.length < length ? null : rest.subarray(0, length);
}

/** A body in chunks (RFC 9112 section 7.1), without trailers; `null` if the last chunk is not there yet. */
function readChunks(rest: Buffer): Buffer | null {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf(CRLF, at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(rest.toString("latin1", at, lineEnd), 16);
    const start = lineEnd + 2;
    if (rest.length < start + size + 2) return null;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(rest.subarray(start, start + size));
    at = start + size + 2;
  }
}
