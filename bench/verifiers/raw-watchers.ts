/** Thousands of watchers in one process, which do next to nothing with what they are told. */
import { type ClientHttp2Session, connect } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";

/** Calls of `Watch` over one connection: as many as the server lets one have. */
const STREAMS = 250;
const PATH = "/sallyport.auth.v1.VerifierService/Watch";
/** What comes before each message of gRPC: a flag and the length. */
const PREFIX_BYTES = 5;
const { batch, checkpoint } = WatchResponseSchema.field;
/** The first byte of a message that holds this field. */
const tagOf = ({ number }: { readonly number: number }) => (number << 3) | 2;

/** Watchers that watch. */
export type RawWatchers = {
  /** How many have heard that they know everything, once. */
  readonly ready: () => number;
  /** Messages so far, of all. */
  readonly messages: () => number;
  /** The last batch that each was told; `null` before the first one. */
  readonly lastBatches: () => readonly (WatchResponse | null)[];
  readonly close: () => void;
};

/** Opens so many for each of the credentials; `onBatch` is told of each batch that one in `every` is told. */
export function openWatchers(
  port: number,
  apiKeys: readonly string[],
  each: number,
  every: number,
  onBatch: (message: WatchResponse) => void,
): RawWatchers {
  const sessions: ClientHttp2Session[] = [];
  const last: (Buffer | null)[] = [];
  const body = envelope(toBinary(WatchRequestSchema, create(WatchRequestSchema, {})));
  let ready = 0;
  let messages = 0;

  function watch(session: ClientHttp2Session, apiKey: string): void {
    const number = last.push(null) - 1;
    let isReady = false;
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${apiKey}`,
    });
    stream.on("error", fail);
    stream.on("trailers", (trailers) => fail(new Error(`a watcher was told ${String(trailers["grpc-status"])}`)));
    const read = createMessageReader((message) => {
      messages += 1;
      if (message[0] === tagOf(checkpoint) && !isReady) {
        isReady = true;
        ready += 1;
      }
      if (message[0] !== tagOf(batch)) return;
      last[number] = message;
      if (number % every === 0) onBatch(fromBinary(WatchResponseSchema, message));
    });
    stream.on("data", read);
    stream.end(body);
  }

  for (const apiKey of apiKeys)
    for (let opened = 0; opened < each; opened += STREAMS) {
      const session = connect(`http://127.0.0.1:${port}`);
      session.on("error", fail);
      sessions.push(session);
      for (let count = 0; count < Math.min(STREAMS, each - opened); count += 1) watch(session, apiKey);
    }
  return {
    ready: () => ready,
    messages: () => messages,
    lastBatches: () => last.map((message) => (message === null ? null : fromBinary(WatchResponseSchema, message))),
    close() {
      for (const session of sessions) {
        session.removeAllListeners("error").on("error", () => {});
        session.destroy();
      }
    },
  };
}

/** A watcher that is cut off makes all figures worthless. */
function fail(error: Error): void {
  throw error;
}

function envelope(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Takes the messages of gRPC out of what arrives in pieces. */
function createMessageReader(onMessage: (message: Buffer) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return function read(piece) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) return;
      onMessage(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
  };
}
