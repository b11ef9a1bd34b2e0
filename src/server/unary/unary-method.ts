/**
 * Unary RPCs as the lean adapter runs them: the very implementations and the very
 * interceptors that the library runs, put together once instead of at every call.
 */
import { create, type DescMethod, type DescMethodUnary, isMessage, type Message } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { type Proceed, type StepRequest, type StepResponse, stepOf } from "../../rpc/step.ts";
import { type Metadata, SeenContext, SeenRequest, SeenResponse, type UnaryCall } from "./seen-by-rpc.ts";

/** A unary RPC behind its interceptors. A refused call throws or rejects; what metadata it had is in `metadata`. */
export type UnaryMethod = {
  /** `package.Service/Method`. */
  readonly name: string;
  readonly method: DescMethodUnary;
  readonly run: (call: UnaryCall, metadata: Metadata) => Message | Promise<Message>;
};

/** Runs an RPC, whatever its messages are. */
type Implementation = (message: Message, context: HandlerContext) => unknown;

/** What the innermost step knows of a call beyond the request that was handed on to it. */
type Behind = { readonly call: UnaryCall; readonly metadata: Metadata };
const behindKey = createContextKey<Behind | null>(null, { description: "unary call" });

/** A router that registers with `router`, and every unary RPC that went by, by path. */
export function noteUnary(router: ConnectRouter, interceptors: readonly Interceptor[]) {
  const unary = new Map<string, UnaryMethod>();
  const noting: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, options);
      for (const method of service.methods) {
        const run: unknown = Reflect.get(implementation, method.localName);
        if (!isUnary(method) || !isImplementation(run)) continue;
        const implemented: Implementation = (message, context) => run.call(implementation, message, context);
        unary.set(`/${service.typeName}/${method.name}`, compose(method, implemented, interceptors));
      }
      return noting;
    },
    rpc(method, implementation, options) {
      router.rpc(method, implementation, options);
      return noting;
    },
  };
  return { router: noting, unary };
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isImplementation(value: unknown): value is Implementation {
  return typeof value === "function";
}

/** The chain around one implementation, the first interceptor outermost. */
function compose(
  method: DescMethodUnary,
  implementation: Implementation,
  interceptors: readonly Interceptor[],
): UnaryMethod {
  function innermost(request: StepRequest): StepResponse | Promise<StepResponse> {
    if (request.stream) throw new Error("not a stream");
    const { call, metadata } = behindOf(request);
    const answered = implementation(request.message, new SeenContext(whole(request), call, metadata));
    const respond = (answer: unknown) => new SeenResponse(method, toMessage(method, answer), metadata);
    return answered instanceof Promise ? answered.then(respond) : respond(answered);
  }

  const chain = interceptors.reduceRight<Proceed>((next, interceptor) => {
    const step = stepOf(interceptor);
    return step === null ? foreign(interceptor, next) : step(next);
  }, innermost);

  return {
    name: `${method.parent.typeName}/${method.name}`,
    method,
    run(call, metadata) {
      call.values.set(behindKey, { call, metadata });
      const response = chain(new SeenRequest(method, call));
      return response instanceof Promise ? response.then(messageOf) : messageOf(response);
    },
  };
}

/** An interceptor that is no step of ours: it is promised its answer, and may hand on copies. */
function foreign(interceptor: Interceptor, next: Proceed): Proceed {
  const intercept = interceptor(async (request) => next(request.stream ? request : whole(request)));
  return async (request) => {
    const response = await intercept(request);
    return response.stream || response instanceof SeenResponse ? response : wholeAnswer(response, behindOf(request));
  };
}

function messageOf(response: StepResponse): Message {
  if (response.stream) throw new Error(`${response.method.name} was answered by a stream`);
  return response.message;
}

/** An interceptor may answer with metadata of its own; a copy that it made of the answer has none, and means what there was. */
function wholeAnswer(response: UnaryResponse, { metadata }: Behind): SeenResponse {
  const { header, trailer }: Partial<UnaryResponse> = response;
  metadata.header = header ?? metadata.header;
  metadata.trailer = trailer ?? metadata.trailer;
  return new SeenResponse(response.method, response.message, metadata);
}

/** An interceptor may hand on a copy of the request, with a part replaced: what is not in it is as it was. */
function whole(request: UnaryRequest): UnaryRequest {
  if (request instanceof SeenRequest) return request;
  const { call } = behindOf(request);
  const { method, message, contextValues, signal, header = call.origin.toHeaders() }: Partial<UnaryRequest> = request;
  return new SeenRequest(method ?? request.method, {
    ...call,
    message: message ?? call.message,
    origin: { toUrl: () => call.origin.toUrl(), toHeaders: () => header },
    ending: signal === undefined ? call.ending : { toSignal: () => signal, isOver: () => signal.aborted },
    values: contextValues ?? call.values,
  });
}

function behindOf(request: Pick<UnaryRequest, "contextValues">): Behind {
  const behind = request.contextValues.get(behindKey);
  if (behind === null) throw new Error("an interceptor has replaced the context values");
  return behind;
}

/** Handlers may answer with the fields of a message alone. */
function toMessage({ output, name }: DescMethodUnary, answered: unknown): Message {
  if (isMessage(answered, output)) return answered;
  if (typeof answered !== "object" || answered === null) throw new Error(`${name} was answered with no message`);
  return create(output, { ...answered });
}
