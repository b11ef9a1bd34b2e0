/** Sends a request, byte for byte as it is told, over either version of HTTP, and reads what comes back. */
import { once } from "node:events";
import { type ClientHttp2Session, constants, connect as http2Connect, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { setImmediate as breathe, setTimeout as pause } from "node:timers/promises";
import { type Received, readHttp1 } from "./agreement-answer.ts";
import { callHeaders } from "./http2-attacker.ts";
import { FRAME, frame, headerBlock, PREFACE, resetFrame, SETTINGS_ACK, settingsFrame } from "./http2-frames.ts";
import { rawConnection } from "./wire-raw.ts";
import { until } from "./wire-server.ts";

/** A request. */
export type Sending = {
  readonly version: 1 | 2;
  readonly method: string;
  readonly path: string;
  /** Names and values, as often as they are to be sent. A host comes by itself unless there is one. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body, written piece by piece. */
  readonly pieces: readonly Uint8Array[];
  /**
   * What follows: the end; nothing, the answer comes all the same; or the client goes away, at once or when the handler
   * is at work.
   */
  readonly ending: "end" | "open" | "cancel" | "cancel at work";
  /** HTTP/1 alone: what `content-length` says; chunks if `null`. The truth unless stated. */
  readonly length?: number | null;
  /** True if the request gets its line in the log though it gets no answer. */
  readonly isLogged?: boolean;
};

/** A session for any number of requests. */
export async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = http2Connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  session.setMaxListeners(0);
  await once(session, "connect");
  return session;
}

type Target = { readonly port: number; readonly session: ClientHttp2Session };

/** Sends, and resolves with the answer, or as much of it as there was when it ended. */
export function send(target: Target, sending: Sending, isAtWork: () => boolean): Promise<Received> {
  return sending.version === 1 ? send1(target.port, sending, isAtWork) : send2(target, sending, isAtWork);
}

const NOTHING = { status: null, headers: {}, body: Buffer.alloc(0), trailers: {}, informational: [] };

async function send1(port: number, sending: Sending, isAtWork: () => boolean): Promise<Received> {
  const { method, path, headers, pieces, ending } = sending;
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { length = ending === "open" ? null : size } = sending;
  const hasHost = headers.some(([name]) => name === "host");
  const fields = [
    ...(hasHost ? [] : [["host", "a"]]),
    ...headers,
    length === null ? ["transfer-encoding", "chunked"] : ["content-length", String(length)],
  ];
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.on("error", () => {});
  const received: Buffer[] = [];
  const answered = new Promise<Received>((resolve) => {
    const look = () => readHttp1(Buffer.concat(received), method === "HEAD");
    socket.on("data", (chunk) => {
      received.push(chunk);
      const answer = look();
      if (answer !== null) resolve(answer);
    });
    socket.once("close", () => resolve({ ...NOTHING, body: Buffer.concat(received), end: "cut off" }));
  });
  // What is written before the connection stands is lost if it is given up before it stands.
  if (ending === "cancel") await once(socket, "connect");
  socket.write(Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`, "latin1"));
  for (const piece of pieces) {
    if (length !== null) socket.write(piece);
    else if (piece.length > 0) socket.write(chunkOf(piece));
    await breathe();
  }
  if (ending === "end" && length === null) socket.write("0\r\n\r\n");
  // More was promised than comes.
  if (ending === "end" && length !== null && length > size) socket.end();
  if (ending.startsWith("cancel")) {
    if (ending === "cancel at work") await until(isAtWork, "the handler");
    else await pause(5);
    socket.destroy();
  }
  const answer = await answered;
  socket.destroy();
  return answer;
}

function chunkOf(piece: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
}

async function send2({ port, session }: Target, sending: Sending, isAtWork: () => boolean): Promise<Received> {
  const { method, path, headers, pieces, ending } = sending;
  if (ending === "cancel") return abandon2(port, sending);
  const host = headers.find(([name]) => name === "host")?.[1] ?? "a";
  const pseudo = [":method", method, ":path", path, ":scheme", "http", ":authority", host];
  const others = headers.filter(([name]) => name !== "host").flat();
  const stream = session.request([...pseudo, ...others], { endStream: false });
  const informational: number[] = [];
  const chunks: Buffer[] = [];
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("headers", (given) => informational.push(Number(given[":status"])));
  stream.on("response", (given) => {
    head = given;
  });
  stream.on("trailers", (given) => {
    trailers = given;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  const closed = new Promise<void>((resolve) => stream.once("close", resolve));
  for (const piece of pieces) {
    if (piece.length > 0 && !stream.destroyed) stream.write(piece);
    await breathe();
  }
  if (ending !== "open") stream.end();
  if (ending === "cancel at work") {
    await until(isAtWork, "the handler");
    stream.close(constants.NGHTTP2_CANCEL);
  }
  await closed;
  const { rstCode = 0 } = stream;
  return {
    status: head[":status"] === undefined ? null : Number(head[":status"]),
    headers: plain(head),
    body: Buffer.concat(chunks),
    trailers: plain(trailers),
    informational,
    end: rstCode === 0 ? "whole" : `reset with ${rstCode}`,
  };
}

/** Resets a stream in the middle of its body; Node's own client would end it first. */
async function abandon2(port: number, { path, headers, pieces }: Sending): Promise<Received> {
  const { socket, received } = await rawConnection(port);
  const fields = [[":method", "POST"], [":scheme", "http"], [":path", path], [":authority", "a"], ...headers] as const;
  socket.write(Buffer.concat([PREFACE, settingsFrame(), SETTINGS_ACK]));
  socket.write(callHeaders(1, { block: headerBlock(fields) }));
  for (const payload of pieces) {
    socket.write(frame(FRAME.DATA, { stream: 1, payload }));
    await breathe();
  }
  // A call begins at the end of the turn that brings it, and what is reset before never does.
  socket.write(frame(FRAME.PING, { payload: Buffer.from("have you") }));
  await until(() => received().includes("have you"), "the answer to a ping");
  socket.write(resetFrame(1));
  return { ...NOTHING, end: "cut off" };
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  const fields = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
  return Object.fromEntries(fields.map(([name, value]) => [name, String(value)]));
}
