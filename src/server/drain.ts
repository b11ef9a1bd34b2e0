/**
 * The graceful stop: balancers hear of it first, then clients, and only then
 * does anything end.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { timeoutAfterReads } from "../lib/timeout-after-reads.ts";
import type { Log } from "../log.ts";
import type { Timeouts } from "./bounds.ts";
import type { Connections } from "./connections.ts";
import type { Http1 } from "./http1.ts";
import type { Http2 } from "./http2.ts";
import type { Intake } from "./intake.ts";

type DrainDeps = {
  readonly log: Log;
  readonly connections: Pick<Connections, "busy" | "windUp" | "destroy">;
  readonly shutdownDelayMs: number;
  readonly timeouts: Pick<Timeouts, "shutdownMs" | "lingerMs" | "noticeMs">;
};

/** What is to be stopped. */
type Parts = { readonly intake: Intake; readonly http1: Http1; readonly http2: Http2 };

/** The stop of a server, before, while and after it happens. */
export type Drain = {
  /** True from the moment that the stop was asked for. */
  readonly isStopping: () => boolean;
  /** Aborts once no more connections are taken: streams end then, with UNAVAILABLE, and their clients connect elsewhere. */
  readonly streamsEnd: AbortSignal;
  /** Stops, once. Resolves when every connection is gone. */
  readonly run: (parts: Parts) => Promise<void>;
};

/** How often, before anything ends, connections are let go on which nothing is asked, in milliseconds. */
const SHED_MS = 100;
/** How often the connections that are left are looked at, in milliseconds. */
const LOOK_MS = 20;

/** A stop that has not been asked for. */
export function createDrain({ log, connections, shutdownDelayMs, timeouts }: DrainDeps): Drain {
  const streams = new AbortController();
  let stopped: Promise<void> | null = null;

  async function stop({ intake, http1, http2 }: Parts): Promise<void> {
    if (intake.isOpen()) {
      log.info({ event: "stopping", delay_ms: shutdownDelayMs });
      const shedding = setInterval(http1.shed, SHED_MS);
      await pause(shutdownDelayMs);
      clearInterval(shedding);
    }
    const closed = intake.close();
    streams.abort(new ConnectError("the server is stopping; connect again", Code.Unavailable));
    connections.windUp();
    http2.warn();
    const cut = new AbortController();
    const preventGoAway = timeoutAfterReads(http2.goAway, Math.min(timeouts.noticeMs, timeouts.lingerMs / 2));
    await Promise.race([closed, finish(http1, cut.signal)]);
    preventGoAway();
    cut.abort();
    connections.destroy();
    await closed;
    http1.stop();
  }

  /** Resolves when there is nothing left to wait for, or no time left. */
  async function finish(http1: Http1, signal: AbortSignal): Promise<void> {
    const looks = Math.ceil(timeouts.shutdownMs / LOOK_MS);
    for (let look = 0, quiet = 0; look < looks && quiet * LOOK_MS < timeouts.lingerMs; look += 1) {
      http1.closeIdle();
      // What has been answered may still be on its way out.
      quiet = connections.busy() ? 0 : quiet + 1;
      await pause(LOOK_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
    if (connections.busy()) log.warn({ event: "work_cut_off" });
  }

  return {
    isStopping: () => stopped !== null,
    streamsEnd: streams.signal,
    run(parts) {
      stopped ??= stop(parts);
      return stopped;
    },
  };
}
