/** A wire to the real service on which a client's calls are counted and, where a test says so, lost. */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { createSallyportClient, type SallyportClient, type SallyportClientOptions } from "../../src/client/client.ts";
import { systemPause } from "../../src/client/wait.ts";
import type { TestApp } from "./app.ts";
import { WIRE_FORMS } from "./clients.ts";

/** A call as it went out. */
export type SentCall = {
  readonly method: string;
  /** The token in `authorization`; empty if there is none. */
  readonly token: string;
  readonly message: unknown;
};

/** What happens to a call on its way: before it reaches the service, or with its answer. May throw, or take its time. */
export type Mishap = {
  readonly before?: (signal: AbortSignal) => Promise<void> | void;
  readonly after?: () => Promise<void> | void;
};

/** A wire. */
export type ClientWire = {
  readonly transport: Transport;
  readonly calls: SentCall[];
  /** What went out by this method. */
  readonly sent: (method: string) => readonly SentCall[];
  /** Lets the next calls of a method meet mishaps, one each. */
  readonly plan: (method: string, ...mishaps: readonly Mishap[]) => void;
  /** Nothing more happens to anything. */
  readonly heal: () => void;
};

/** What transports say when nobody is reached, or the answer does not come. */
export function unreachable(): never {
  throw new ConnectError("connect ECONNREFUSED", Code.Unavailable);
}

/** A mishap: the request never arrives. */
export const LOST_REQUEST: Mishap = { before: unreachable };
/** A mishap: the work is done, and nobody hears of it. */
export const LOST_ANSWER: Mishap = { after: unreachable };

/** A mishap: somebody on the way answers in the place of the service, without a reason of ours. */
export function answeredBy(code: Code, message = "from a proxy"): Mishap {
  return {
    before() {
      throw new ConnectError(message, code);
    },
  };
}

/** A mishap: the answer carries a reason, as the service or a guard would send it; `retryAfter` is in seconds. */
export function refusedFor(reason: string, code: Code, { domain = "sallyport", retryAfter = 0 } = {}): Mishap {
  return {
    before() {
      const error = new ConnectError("refused", code);
      error.details.push({ desc: ErrorInfoSchema, value: { reason: `ERROR_REASON_${reason}`, domain } });
      const retryDelay = { seconds: BigInt(retryAfter) };
      if (retryAfter > 0) error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
      throw error;
    },
  };
}

/** A wire to `app`: Connect JSON over HTTP/1.1 unless another form is named. */
export function createWire(app: Pick<TestApp, "url">, form = WIRE_FORMS[0]?.transport): ClientWire {
  if (form === undefined) throw new Error("no transport");
  const calls: SentCall[] = [];
  const planned = new Map<string, Mishap[]>();
  const meddle: Interceptor = (next) => async (request) => {
    const { name } = request.method;
    const token = (request.header.get("authorization") ?? "").replace(/^Bearer /, "");
    calls.push({ method: name, token, message: request.message });
    const mishap = planned.get(name)?.shift();
    await mishap?.before?.(request.signal);
    const response = await next(request);
    await mishap?.after?.();
    return response;
  };
  return {
    transport: form({ baseUrl: app.url, interceptors: [meddle] }),
    calls,
    sent: (method) => calls.filter((call) => call.method === method),
    plan(method, ...mishaps) {
      planned.set(method, [...(planned.get(method) ?? []), ...mishaps]);
    },
    heal: () => planned.clear(),
  };
}

/** A client on a wire of its own. Its clock is the app's, and it never waits long. */
export function clientOn(
  app: TestApp,
  { wire = createWire(app), ...options }: Partial<SallyportClientOptions> & { readonly wire?: ClientWire } = {},
): { readonly client: SallyportClient; readonly wire: ClientWire } {
  const client = createSallyportClient({
    transport: wire.transport,
    clock: app.clock,
    pause: (_milliseconds, signal) => systemPause(1, signal),
    ...options,
  });
  return { client, wire };
}
