/**
 * `grpc.health.v1.Health` (gRPC Health Checking Protocol): whether the whole
 * server, named by the empty string, and each of its services can serve now.
 * All of them share one answer, since all of them need the same parts.
 */
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";

type HealthDeps = {
  /** Full names of the services that can be asked about. */
  readonly serviceNames: readonly string[];
  readonly isServing: () => boolean;
  /** How often `isServing` is looked at while somebody watches, in milliseconds. */
  readonly pollMs: number;
  /** How many may watch at once. */
  readonly maxWatchers: number;
};

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;

/** Implements the health service. A watch lasts until its call is aborted. */
export function createHealth({ serviceNames, isServing, pollMs, maxWatchers }: HealthDeps): ServiceImpl<typeof Health> {
  const known = new Set(["", ...serviceNames]);
  const changes = createChanges(isServing, pollMs);
  let watchers = 0;

  function statusOf(service: string) {
    if (!known.has(service)) return SERVICE_UNKNOWN;
    return isServing() ? SERVING : NOT_SERVING;
  }

  return {
    check({ service }) {
      const status = statusOf(service);
      if (status === SERVICE_UNKNOWN) throw new ConnectError("there is no such service here", Code.NotFound);
      return { status };
    },

    list() {
      return { statuses: Object.fromEntries([...known].map((name) => [name, { status: statusOf(name) }])) };
    },

    async *watch({ service }, { signal }) {
      if (watchers >= maxWatchers) {
        throw new ConnectError("too many watch already; use Check", Code.ResourceExhausted);
      }
      watchers += 1;
      try {
        for (let told: number | null = null; ; ) {
          const serving = isServing();
          const status = statusOf(service);
          if (status !== told) {
            told = status;
            yield { status };
          } else if (signal.aborted) {
            // Not before the last change is told: whoever watches a server that stops is to hear of it.
            throw signal.reason;
          } else {
            await changes.after(serving, signal);
          }
        }
      } finally {
        watchers -= 1;
      }
    },
  };
}

/** Looks at a condition at intervals, while anybody waits for it to change. */
function createChanges(condition: () => boolean, pollMs: number) {
  const waiting = new Map<() => void, boolean>();
  let timer: NodeJS.Timeout | null = null;

  function look(): void {
    const now = condition();
    for (const [wake, seen] of waiting) if (seen !== now) wake();
  }

  return {
    /** Resolves once the condition is no longer as it was seen, or the signal aborts. */
    after(seen: boolean, signal: AbortSignal): Promise<void> {
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          if (waiting.size === 0 && timer) {
            clearInterval(timer);
            timer = null;
          }
          resolve();
        };
        waiting.set(wake, seen);
        signal.addEventListener("abort", wake, { once: true });
        timer ??= setInterval(look, pollMs);
      });
    },
  };
}
