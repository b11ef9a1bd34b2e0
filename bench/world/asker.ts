/** Calls of ours from this process, as they come, with their answers as messages. */
import {
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { createHttp2Client } from "../driver/http2-client.ts";
import type { Client } from "../driver/job.ts";
import type { Served } from "./processes.ts";
import { question } from "./questions.ts";

/** Asks one server. */
export type Asker = {
  /** The answer. @throws Error if there is none, or a refusal. */
  readonly ask: <Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    message: MessageInitShape<Input>,
  ) => Promise<MessageShape<Output>>;
  readonly close: () => void;
};

/** In front of a message. */
const PREFIX_LENGTH = 5;
/** Callers are dealt out to the connections that a client has. */
const CALLERS = 64;

/** An {@link Asker} for methods of `AuthService`. */
export function createAsker({ pid, port }: Served): Asker {
  const clients = new Map<string, Client>();
  let calls = 0;

  return {
    async ask(method, message) {
      const { bodies, ...asked } = question("grpc", method.name, method.input, true, [message]);
      const client = clients.get(method.name) ?? createHttp2Client({ ...asked, bodies: [], pid, port }, CALLERS);
      clients.set(method.name, client);
      calls += 1;
      const body = await new Promise<Buffer>((resolve, reject) => {
        client.call(calls, bodies[0] ?? null, (answer) => {
          if (answer instanceof Error) reject(answer);
          else if (answer.grpcStatus === "0") resolve(answer.body);
          else reject(new Error(`${method.name} was answered with ${answer.grpcStatus}`));
        });
      });
      return fromBinary(method.output, body.subarray(PREFIX_LENGTH));
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}
