/** One request and what became of it. */
import { authorizationHeaders } from "../access/bearer.ts";
import type { Clock } from "../lib/clock.ts";
import type { Place } from "../lib/linked-list.ts";
import type { Random } from "../lib/random.ts";
import type { Call } from "../rpc/call.ts";
import { certifiedService } from "./client-certificate.ts";
import type { Connection, OpenRequest } from "./connections.ts";
import type { OpenRequests } from "./open-requests.ts";
import type { Protocol } from "./protocol.ts";
import { createRequestIds } from "./request-ids.ts";
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
  const requestId = createRequestIds(random);

  return function beginExchange(arrival: Arrival): Exchange {
    const { connection, rawHeaders, response } = arrival;
    const now = clock.now();
    const call: Call = {
      id: requestId(now),
      peer: connection?.peer ?? "",
      authorization: authorizationHeaders(rawHeaders),
      certificateService: certifiedService(connection?.certificate ?? null, now),
      outcome: { code: null, reason: null, subject: null, cause: null },
      outlast: () => exchange.leave(),
    };
    const exchange = new OpenExchange(call, now, meter?.start() ?? 0, { arrival, openRequests, logRequest });
    openRequests.enter();
    response.on("close", () => exchange.end());
    if (isStopping() || connection?.isEnding) arrival.beLast();
    return exchange;
  };
}

/** Where an exchange comes from, and who keeps account of it. */
type Account = Pick<ExchangesDeps, "openRequests" | "logRequest"> & { readonly arrival: Arrival };

const NOTHING = () => {};

/** A class, since most of what may happen to a request happens to few: functions of each one's own would be made for nothing. */
class OpenExchange implements Exchange, OpenRequest {
  readonly call: Call;
  readonly startedAt: number;
  readonly meteredAt: number;
  isRpc = false;
  name: string | null = null;
  protocol: Protocol | null = null;
  answered: Answered | null = null;
  over = false;
  onOver = NOTHING;
  readonly #account: Account;
  /** Not every Node tells the answers that are queued behind another when their connection breaks. */
  readonly #place: Place<OpenRequest> | undefined;
  #counts = true;

  constructor(call: Call, startedAt: number, meteredAt: number, account: Account) {
    this.call = call;
    this.startedAt = startedAt;
    this.meteredAt = meteredAt;
    this.#account = account;
    const { connection } = account.arrival;
    this.#place = connection?.open.add(this);
    if (connection) connection.events += 1;
  }

  /** Whatever was answered in a way that nobody noted, such as a fault, is answered too. */
  isPending(): boolean {
    return this.answered === null && !this.#account.arrival.response.writableEnded;
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    this.leave();
    const { connection } = this.#account.arrival;
    if (this.#place) connection?.open.remove(this.#place);
    if (connection) connection.events += 1;
    this.onOver();
    this.#account.logRequest(this);
  }

  cut(): void {
    this.#account.arrival.cut();
  }

  beLast(): void {
    this.#account.arrival.beLast();
  }

  /** Counts no more among the open requests. */
  leave(): void {
    if (this.#counts) this.#account.openRequests.leave();
    this.#counts = false;
  }
}

/** An answer that was given in one piece. */
export function answeredWith(status: number): Answered {
  return { status, header: null, trailer: null, last: null };
}
