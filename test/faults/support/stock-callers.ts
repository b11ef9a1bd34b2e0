/** Clients that others wrote, as they come: each with connections of its own, and no knowledge of who answers. */
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { takeApart } from "../../support/refusals.ts";
import { grpcUnary } from "../../support/wire-grpc.ts";

/** Makes a call, for as long as a patient client waits. @throws ConnectError. */
export type Call = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
) => Promise<MessageShape<O>>;

/** A client. */
export type StockCaller = { readonly name: string; readonly call: Call; readonly close: () => void };

const DETAILS = "grpc-status-details-bin";
const DEADLINE_MS = 15_000;

function overConnect(name: string, transport: Transport): StockCaller {
  return {
    name,
    async call(method, request) {
      const input = create(method.input, request);
      return (await transport.unary(method, undefined, DEADLINE_MS, undefined, input)).message;
    },
    close: () => {},
  };
}

/** The same error, in the form of the other library. */
function toConnectError({ code, details, metadata }: ServiceError): ConnectError {
  const trailer = new Headers({ "grpc-status": String(code), "grpc-message": encodeURIComponent(details) });
  const [bytes] = metadata.get(DETAILS);
  if (bytes instanceof Buffer) trailer.set(DETAILS, bytes.toString("base64"));
  return findTrailerError(trailer) ?? new ConnectError(details);
}

function overGrpcJs(port: number): StockCaller {
  // A connection of its own: channels to one address would share one.
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  return {
    name: "grpc-js",
    async call(method, request) {
      const { error, value } = await grpcUnary(client, method, request, { deadline: Date.now() + DEADLINE_MS });
      if (error !== null) throw toConnectError(error);
      if (value === undefined) throw new ConnectError("there is no answer", Code.Internal);
      return value;
    },
    close: () => client.close(),
  };
}

/** So many clients of each kind, of the server at this port. */
export function createStockCallers(port: number, each: number): readonly StockCaller[] {
  const baseUrl = `http://127.0.0.1:${port}`;
  return Array.from({ length: each }, () => [
    overGrpcJs(port),
    overConnect("Connect over HTTP/1.1", createConnectTransport({ baseUrl, httpVersion: "1.1" })),
    overConnect("Connect over HTTP/2", createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true })),
  ]).flat();
}

/**
 * Whether a call got no answer of Sallyport's, whose refusals always carry a reason; or the one that it cannot do it now.
 * Codes do not tell: a stream that HTTP/2 refused, as servers do when they go away, is INTERNAL to Connect on Node.
 */
function isUnanswered(error: unknown): boolean {
  const { reason } = takeApart(ConnectError.from(error));
  return reason === null || reason === "UNAVAILABLE";
}

/** Makes the call, and makes it once more if it got no answer; how often it was made. */
export async function retryingOnce<T>(call: () => Promise<T>): Promise<{ readonly answer: T; readonly tries: number }> {
  try {
    return { answer: await call(), tries: 1 };
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return { answer: await call(), tries: 2 };
  }
}
