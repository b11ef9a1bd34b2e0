import type { DescService } from "@bufbuild/protobuf";
import { Histogram, type Registry } from "prom-client";
import { createTallies, type Tally } from "./tally.ts";

/** Counts and times requests. Cheap: every counter is found by name, none is made on the way. */
export type RequestMeter = {
  /** As a request comes; what it returns is handed to `end`. */
  readonly start: () => number;
  /**
   * When a call is over. `rpc`: `package.Service/Method`; anything else is counted
   * as `unknown`, so that clients cannot make labels. `code`: in upper snake case.
   */
  readonly end: (startedAt: number, rpc: string | null, code: string) => void;
};

/** Every status code, as gRPC writes it. */
export const CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** In seconds: from a check in memory to a deadline. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What is counted of one RPC. `time` is `null` for streams, which last as long as their clients want. */
type Series = {
  readonly byCode: ReadonlyMap<string, Tally>;
  readonly other: Tally;
  readonly time: Histogram.Internal<"rpc"> | null;
};

type RequestMeterDeps = {
  readonly registry: Registry;
  /** The services whose RPCs are known by name. */
  readonly services: readonly DescService[];
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly tick: () => number;
};

/** A {@link RequestMeter} that keeps its counts in `registry`. */
export function createRequestMeter({ registry, services, tick }: RequestMeterDeps): RequestMeter {
  const tally = createTallies(registry, {
    name: "sallyport_requests_total",
    help: "Calls that are over, by RPC and status code. RPCs that are not served here are `unknown`.",
    labelNames: ["rpc", "code"],
  });
  const times = new Histogram({
    name: "sallyport_request_duration_seconds",
    help: "From the headers of a unary call to the end of its answer.",
    labelNames: ["rpc"],
    buckets: BUCKETS,
    registers: [registry],
  });

  function seriesOf(rpc: string, isTimed: boolean): Series {
    if (isTimed) times.zero({ rpc });
    return {
      byCode: new Map(CODES.map((code) => [code, tally({ rpc, code }, code === "OK")])),
      other: tally({ rpc, code: "OTHER" }),
      time: isTimed ? times.labels(rpc) : null,
    };
  }

  const unknown = seriesOf("unknown", false);
  const known = new Map(
    services.flatMap(({ typeName, methods }) =>
      methods.map(({ name, methodKind }) => {
        const rpc = `${typeName}/${name}`;
        return [rpc, seriesOf(rpc, methodKind === "unary")] as const;
      }),
    ),
  );

  return {
    start: tick,
    end(startedAt, rpc, code) {
      const series = (rpc === null ? undefined : known.get(rpc)) ?? unknown;
      (series.byCode.get(code) ?? series.other).add();
      series.time?.observe((tick() - startedAt) / 1000);
    },
  };
}
