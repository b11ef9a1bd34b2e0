/** One request and what became of it. */
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import type { Call } from "../rpc/call.ts";
import { certifiedService } from "./client-certificate.ts";
import type { Connections } from "./connections.ts";
import type { Protocol } from "./protocol.ts";
import type { RequestMeter } from "./request-log.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

/** What was answered, as far as it tells the status of an RPC. */
export type Answered = {
  /** HTTP status. */
  readonly status: number;
  readonly header: Headers | null;
  /** HTTP trailers, filled in before the end of the body. */
  readonly trailer: Headers | null;
  /** Last piece of the body; in gRPC-Web it holds the trailers. */
  readonly last: Uint8Array | null;
};

/** A request on its way. */
export type Exchange = {
  readonly call: Call;
  /** When it came, in milliseconds since 1970. */
  readonly startedAt: number;
  /** The same by the meter's own count; 0 if nobody meters. */
  readonly meteredAt: number;
  /** True for a call of an RPC, even of one that is not served here. */
  isRpc: boolean;
  /** `package.Service/Method` of an RPC that is served here, the path of a plain HTTP route, or `null`. */
  name: string | null;
  /** Told by the content type; `null` if that is of none. */
  protocol: Protocol | null;
  /** `null` until all of the answer is handed to the connection. */
  answered: Answered | null;
  /** True once nothing more can be written: the answer is out, or the client is gone. */
  over: boolean;
  /** Called once when that happens. */
  onOver: () => void;
};

type ExchangesDeps = {
  readonly clock: Clock;
  readonly random: Random;
  readonly connections: Pick<Connections, "of">;
  /** True once connections should end with what is being answered on them. */
  readonly isDraining: () => boolean;
  readonly meter: Pick<RequestMeter, "start"> | null;
  /** Told of each exchange that is over. */
  readonly logRequest: (exchange: Exchange) => void;
};

/** Returns a function that opens the account of a request, which closes with its answer or its connection. */
export function createExchanges({ clock, random, connections, isDraining, meter, logRequest }: ExchangesDeps) {
  return function beginExchange(request: WireRequest, response: WireResponse): Exchange {
    const connection = connections.of(request);
    const exchange: Exchange = {
      call: {
        id: random.id("req"),
        peer: connection?.peer ?? "",
        authorization: authorizationOf(request),
        certificateService: certifiedService(connection?.certificate ?? null, clock.now()),
        outcome: { code: null, reason: null, subject: null, cause: null },
      },
      startedAt: clock.now(),
      meteredAt: meter?.start() ?? 0,
      isRpc: false,
      name: null,
      protocol: null,
      answered: null,
      over: false,
      onOver: () => {},
    };
    const open = {
      isPending: () => exchange.answered === null,
      end() {
        if (exchange.over) return;
        exchange.over = true;
        connection?.open.delete(open);
        exchange.onOver();
        logRequest(exchange);
      },
      beLast() {
        const isHttp1 = request.httpVersionMajor === 1;
        if (isHttp1 && !response.headersSent) response.setHeader("connection", "close");
      },
    };
    // Not every Node tells the answers that are queued behind another when their connection breaks.
    connection?.open.add(open);
    response.once("close", open.end);
    if (isDraining() || connection?.isEnding) open.beLast();
    return exchange;
  };
}

/** An answer that was given in one piece. */
export function answeredWith(status: number): Answered {
  return { status, header: null, trailer: null, last: null };
}

/** Every `authorization` header: Node's `headers` keeps only the first, on HTTP/1 and HTTP/2 alike. */
function authorizationOf({ rawHeaders }: WireRequest): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    const value = rawHeaders[index + 1];
    if (name?.length === 13 && name.toLowerCase() === "authorization" && value !== undefined) values.push(value);
  }
  return values;
}
