/** The stock gRPC client of Node, over generated descriptors. */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";

/** A client of 127.0.0.1, closed when the test is over. */
export function grpcClient(port: number): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & { readonly input: I; readonly output: O };

function wire<I extends DescMessage, O extends DescMessage>({ parent, name, input, output }: Method<I, O>) {
  return {
    path: `/${parent.typeName}/${name}`,
    serialize: (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
    deserialize: (bytes: Buffer) => fromBinary(output, bytes),
  };
}

/** One call; never rejects. */
export function grpcUnary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Method<I, O>,
  init: MessageInitShape<I>,
  options: { readonly deadline?: number } = {},
): Promise<{ error: ServiceError | null; value: MessageShape<O> | undefined }> {
  const { path, serialize, deserialize } = wire(method);
  const message = create(method.input, init);
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, serialize, deserialize, message, new Metadata(), options, (error, value) =>
      resolve({ error, value }),
    );
  });
}

/** A stream from the server, and what it has brought so far. */
export function grpcServerStream<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: Method<I, O>,
  init: MessageInitShape<I>,
) {
  const { path, serialize, deserialize } = wire(method);
  const stream = client.makeServerStreamRequest(
    path,
    serialize,
    deserialize,
    create(method.input, init),
    new Metadata(),
  );
  return { stream, ...collect<MessageShape<O>>(stream) };
}

/** A stream both ways, and what it has brought so far. */
export function grpcBidiStream<I extends DescMessage, O extends DescMessage>(client: Client, method: Method<I, O>) {
  const { path, serialize, deserialize } = wire(method);
  const stream = client.makeBidiStreamRequest(path, serialize, deserialize, new Metadata());
  const ask = (init: MessageInitShape<I>) => stream.write(create(method.input, init));
  return { stream, ask, ...collect<MessageShape<O>>(stream) };
}

function collect<T>(stream: NodeJS.EventEmitter) {
  const seen: T[] = [];
  stream.on("data", (message: T) => seen.push(message));
  /** Resolves with the status that the stream ended with, if it was not OK. */
  const ended = new Promise<ServiceError>((resolve) => stream.on("error", resolve));
  return { seen, ended };
}
