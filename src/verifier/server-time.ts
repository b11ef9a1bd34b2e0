/**
 * Sallyport's clock, seen from here.
 *
 * Nothing is assumed of this machine's clock. The server's first message was sent after the
 * call was made, so its time can be no later than it says plus what passed since the call:
 * that is what `now` tells, late by no more than one round trip. Later messages can only
 * show that the server is ahead of that. Cristian, "Probabilistic clock synchronization"
 * (1989), with one-way messages in place of further round trips.
 */
export type ServerTime = {
  /** The server's time, never too early; by this machine's clock before the first message. Milliseconds. */
  readonly now: () => number;
  /** A message of the server that was sent after `calledAt`, a tick, said that its time was `serverTime`. */
  readonly start: (calledAt: number, serverTime: number) => void;
  /** A message that has just come said that the server's time was `serverTime`. */
  readonly hear: (serverTime: number) => void;
};

type ServerTimeDeps = {
  /** Milliseconds since any fixed moment; never goes back. */
  readonly tick: () => number;
  /** This machine's clock, in milliseconds since 1970. */
  readonly wall: () => number;
};

/** How much faster than the server's our clock may run: no quartz is off by as much. */
const DRIFT = 0.0002;

/** A {@link ServerTime} that has heard nothing yet. */
export function createServerTime({ tick, wall }: ServerTimeDeps): ServerTime {
  /** The server's time less our tick. */
  let ahead: number | null = null;
  let heardAt = 0;

  return {
    now: () => (ahead === null ? wall() : ahead + tick()),
    start(calledAt, serverTime) {
      ahead = serverTime - calledAt;
      heardAt = tick();
    },
    hear(serverTime) {
      const now = tick();
      const seen = serverTime - now;
      ahead = ahead === null ? seen : Math.max(seen, ahead - (now - heardAt) * DRIFT);
      heardAt = now;
    },
  };
}
