/** How long the verifier waits for what, in milliseconds. Tests hand in shorter times. */
export type Pace = {
  /** Tries at reaching the feed begin this far apart, and end this far. */
  readonly firstRetryMs: number;
  readonly mostRetryMs: number;
  /** The same for a credential that is refused: somebody has to do something about it first. */
  readonly firstRefusedMs: number;
  readonly mostRefusedMs: number;
  /** How long the first message of the feed may take. */
  readonly startMs: number;
  /** How long the feed may be silent, at least; longer if its checkpoints come more seldom. */
  readonly silenceMs: number;
  /** A call of the feed makes room for another, and with it for a new idea of the server's time, after half as long at least. */
  readonly renewMs: number;
  /** The same where there is reason to doubt that idea. */
  readonly doubtMs: number;
  /** How long a connection may take to show that it is alive, once a call over it had no answer in time. */
  readonly pingMs: number;
};

/** The pace of every verifier but those in tests. */
export const PACE: Pace = {
  firstRetryMs: 100,
  mostRetryMs: 5_000,
  firstRefusedMs: 10_000,
  mostRefusedMs: 60_000,
  startMs: 10_000,
  silenceMs: 3_300,
  renewMs: 3_600_000,
  doubtMs: 10_000,
  pingMs: 2_000,
};
