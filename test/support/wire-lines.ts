/** Connections that carry many calls at once at little cost: for tests that make more of them than a client of a library could. */
import { connect as http2Connect } from "node:http2";
import { connect } from "node:net";
import type { Answer } from "./wire-raw.ts";

/** A POST with a whole body. */
export type Posted = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

/** One connection. */
export type Line = {
  /** Sends the request behind those that are under way. Rejects if the connection ends before the answer does. */
  readonly post: (posted: Posted) => Promise<Answer>;
  readonly close: () => void;
};

const LINE_END = "\r\n";
const HEAD_END = "\r\n\r\n";

/** Over HTTP/1.1, each request ahead of the answers to those before it (RFC 9112 section 9.3.2). */
export function http1Line(port: number): Line {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const waiting: PromiseWithResolvers<Answer>[] = [];
  let held: Buffer = Buffer.alloc(0);

  function end(error: Error): void {
    socket.destroy();
    for (const { reject } of waiting.splice(0)) reject(error);
  }
  socket.on("error", end);
  socket.on("close", () => end(new Error("the server closed the connection")));
  socket.on("data", (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (let read = readAnswer(held); read !== null; read = readAnswer(held)) {
      held = held.subarray(read.end);
      waiting.shift()?.resolve(read.value);
    }
  });
  return {
    post({ path, headers, body }) {
      if (socket.destroyed) return Promise.reject(new Error("the server has closed the connection"));
      const answer = Promise.withResolvers<Answer>();
      waiting.push(answer);
      const fields = Object.entries({ host: "sallyport.test", "content-length": body.length, ...headers });
      const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      socket.cork();
      socket.write(`POST ${path} HTTP/1.1\r\n${head}\r\n`, "latin1");
      socket.write(body);
      process.nextTick(() => socket.uncork());
      return answer.promise;
    },
    close: () => socket.destroy(),
  };
}

type Read<T> = { readonly value: T; readonly end: number };

/** The first answer in `bytes`, and where it ends; `null` if it is not all there. */
function readAnswer(bytes: Buffer): Read<Answer> | null {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) return null;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const start = headEnd + HEAD_END.length;
  const length = Number(headers["content-length"] ?? 0);
  const body =
    headers["transfer-encoding"] === "chunked"
      ? readChunks(bytes, start)
      : { value: bytes.subarray(start, start + length), end: start + length };
  if (body === null || body.end > bytes.length) return null;
  const answer = { status: Number(statusLine.split(" ")[1]), headers, trailers: {}, body: body.value };
  return { value: answer, end: body.end };
}

/** A body in chunks, without trailers (RFC 9112 section 7.1). */
function readChunks(bytes: Buffer, start: number): Read<Buffer> | null {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf(LINE_END, at);
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + LINE_END.length + size + LINE_END.length;
    if (lineEnd === -1 || end > bytes.length) return null;
    if (size === 0) return { value: Buffer.concat(chunks), end };
    chunks.push(bytes.subarray(lineEnd + LINE_END.length, end - LINE_END.length));
    at = end;
  }
}

/** Over HTTP/2. */
export function http2Line(port: number): Line {
  // Each stream listens for the end of the session.
  const session = http2Connect(`http://127.0.0.1:${port}`).setMaxListeners(0);
  session.on("error", () => {});
  return {
    post({ path, headers, body }) {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const stream = session.request({ ":method": "POST", ":path": path, ...headers }, { endStream: false });
      const answer: Answer = { status: 0, headers: {}, trailers: {}, body: Buffer.alloc(0) };
      const chunks: Buffer[] = [];
      stream.on("response", (received) => {
        answer.status = Number(received[":status"]);
        answer.headers = received;
      });
      stream.on("trailers", (received) => {
        answer.trailers = received;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        if (answer.status === 0) reject(new Error("the server closed the stream"));
        else resolve({ ...answer, body: Buffer.concat(chunks) });
      });
      stream.end(body);
      return promise;
    },
    close: () => session.destroy(),
  };
}
