/** One request and what became of it. */
import { authorizationHeaders } from "../access/bearer.ts";
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";
import type { Call } from "../rpc/call.ts";
import { certifiedService } from "./client-certificate.ts";
import type { Connection } from "./connections.ts";
import type { OpenRequests } from "./open-requests.ts";
import type { Protocol } from "./protocol.ts";
import type { RequestMeter } from "./request-log.ts";

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

/** A request as it comes, and where its answer goes, whichever HTTP version that is. */
export type Arrival = {
  /** `null` if it is gone. */
  readonly connection: Connection | null;
  readonly rawHeaders: readonly string[];
  readonly response: { readonly writableEnded: boolean; on(event: "close", listener: () => void): unknown };
  /** Breaks the answer off. */
  readonly cut: () => void;
  /** Lets the connection end with this answer. */
  readonly beLast: () => void;
};

type ExchangesDeps = {
  readonly clock: Clock;
  readonly random: Random;
  /** True once connections should end with what is being answered on them, so that their clients ask elsewhere next time. */
  readonly isStopping: () => boolean;
  readonly meter: Pick<RequestMeter, "start"> | null;
  /** Counts the exchanges that are not over. */
  readonly openRequests: OpenRequests;
  /** Told of each exchange that is over. */
  readonly logRequest: (exchange: Exchange) => void;
};

/** Returns a function that opens the account of a request, which closes with its answer or its connection. */
export function createExchanges({ clock, random, isStopping, openRequests, meter, logRequest }: ExchangesDeps) {
  return function beginExchange({ connection, rawHeaders, response, cut, beLast }: Arrival): Exchange {
    let counts = true;
    function leave(): void {
      if (counts) openRequests.leave();
      counts = false;
    }
    const exchange: Exchange = {
      call: {
        id: random.id("req"),
        peer: connection?.peer ?? "",
        authorization: authorizationHeaders(rawHeaders),
        certificateService: certifiedService(connection?.certificate ?? null, clock.now()),
        outcome: { code: null, reason: null, subject: null, cause: null },
        outlast: leave,
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
      // Whatever was answered in a way that nobody noted, such as a fault, is answered too.
      isPending: () => exchange.answered === null && !response.writableEnded,
      end() {
        if (exchange.over) return;
        exchange.over = true;
        leave();
        if (place) connection?.open.remove(place);
        exchange.onOver();
        logRequest(exchange);
      },
      cut,
      beLast,
    };
    // Not every Node tells the answers that are queued behind another when their connection breaks.
    const place = connection?.open.add(open);
    openRequests.enter();
    response.on("close", open.end);
    if (isStopping() || connection?.isEnding) beLast();
    return exchange;
  };
}

/** An answer that was given in one piece. */
export function answeredWith(status: number): Answered {
  return { status, header: null, trailer: null, last: null };
}
