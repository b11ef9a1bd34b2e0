/**
 * Sallyport's clock, seen from here.
 *
 * Nothing is assumed of this machine's clock. The server's first message was sent after the
 * call was made, so its time can be no later than it says plus what passed since the call:
 * that is what `now` tells, late by no more than one round trip. Later messages only tell how
 * far the server has come at least; a clock of ours that runs too fast is followed down to
 * that, and no faster than clocks drift. Cristian, "Probabilistic clock synchronization"
 * (1989), with one-way messages in place of further round trips, so that calls have to be
 * made anew from time to time.
 */
export type ServerTime = {
  /**
   * The server's time in milliseconds: late by a round trip at most, early by what our clock may have
   * drifted since the call. Before the first message, this machine's time.
   */
  readonly now: () => number;
  /** A message of the server that was sent after `calledAt`, a tick, said that its time was `serverTime`. */
  readonly start: (calledAt: number, serverTime: number) => void;
  /** A message that has just come said that the server's time was `serverTime`. */
  readonly hear: (serverTime: number) => void;
  /** How far the last message was behind `now`, in milliseconds: it was delayed, or `now` is late. */
  readonly doubtMs: () => number;
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
  const madeAhead = wall() - tick();
  /** The server's time less our tick. */
  let ahead: number | null = null;
  let heardAt = 0;
  let doubtMs = 0;

  return {
    // This machine's clock may be put back, and what is old must not look new by that.
    now: () => (ahead === null ? Math.max(wall(), madeAhead + tick()) : ahead + tick()),
    start(calledAt, serverTime) {
      ahead = serverTime - calledAt;
      heardAt = tick();
      doubtMs = 0;
    },
    hear(serverTime) {
      const now = tick();
      const seen = serverTime - now;
      ahead = ahead === null ? seen : Math.max(seen, ahead - (now - heardAt) * DRIFT);
      heardAt = now;
      doubtMs = ahead - seen;
    },
    doubtMs: () => doubtMs,
  };
}
