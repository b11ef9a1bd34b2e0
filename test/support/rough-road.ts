/** A way to an instance on which all that happens to connections can happen: they are cut, fall silent, crawl, or are not let in. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * What becomes of connections, new ones and those that are open: `closed` ones are reset, and on `silent` ones
 * nothing arrives any more, in either direction, although they stay open.
 */
export type RoadState = "open" | "closed" | "silent" | "slow";

/** What can happen on a road. */
export type Mishap = "drop" | Exclude<RoadState, "open">;

/** A road that leads somewhere. */
export type RoughRoad = {
  readonly url: string;
  readonly set: (state: RoadState) => void;
  /** Ends what is open, without a word to either side. What comes next is treated as the state says. */
  readonly cut: () => void;
  /** Leads new connections to another port. */
  readonly leadTo: (port: number) => void;
  /**
   * What has really happened so far: connections that were broken off (`drop`), or broken or not let in because the
   * road is closed; bytes that were swallowed for good (`silent`), and bytes that crawled (`slow`).
   */
  readonly suffered: () => Readonly<Record<Mishap, number>>;
  /** Connections that were made so far, and bytes that clients have sent. */
  readonly connections: () => number;
  readonly sent: () => number;
  readonly close: () => Promise<void>;
};

/** On a slow road, so many bytes arrive at a time, and so many milliseconds apart. */
const SLOW_BYTES = 700;
const SLOW_MS = 15;

/** A road to a port of loopback; when it is slow, `slowBytes` arrive at a time. */
export async function openRoad(port: number, slowBytes = SLOW_BYTES): Promise<RoughRoad> {
  const suffered = { drop: 0, closed: 0, silent: 0, slow: 0 };
  const ends = new Set<() => void>();
  let state: RoadState = "open";
  let target = port;
  let connections = 0;
  let sent = 0;

  /** Hands on what one socket says to the other, as the state is at that moment. */
  function lead(from: Socket, to: Socket, note: (bytes: number) => void): void {
    from.on("data", async (bytes) => {
      note(bytes.length);
      from.pause();
      if (state === "silent" || state === "slow") suffered[state] += bytes.length;
      // What a silent road has swallowed is missing for good: nothing that comes later may arrive.
      if (state === "silent") return;
      if (state === "slow") await crawl(bytes, to, slowBytes);
      else await handOn(bytes, to);
      from.resume();
    });
  }

  const server = createServer((client) => {
    connections += 1;
    if (state === "closed") {
      suffered.closed += 1;
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    const end = () => {
      ends.delete(end);
      if (!client.destroyed) client.resetAndDestroy();
      if (!upstream.destroyed) upstream.resetAndDestroy();
    };
    ends.add(end);
    for (const socket of [client, upstream]) socket.setNoDelay(true).once("close", end).on("error", end);
    lead(client, upstream, (bytes) => {
      sent += bytes;
    });
    lead(upstream, client, () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the road has no port");

  function cut(): void {
    suffered[state === "closed" ? "closed" : "drop"] += ends.size;
    for (const end of [...ends]) end();
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    set(next) {
      state = next;
      if (next === "closed") cut();
    },
    cut,
    leadTo(port) {
      target = port;
    },
    suffered: () => ({ ...suffered }),
    connections: () => connections,
    sent: () => sent,
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

async function crawl(bytes: Buffer, to: Socket, slowBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += slowBytes) {
    await handOn(bytes.subarray(at, at + slowBytes), to);
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  }
}

/** Resolves when the bytes are taken, or nobody will take them. */
function handOn(bytes: Buffer, to: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (to.destroyed) resolve();
    else to.write(bytes, () => resolve());
  });
}
