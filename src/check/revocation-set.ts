/**
 * Ended sessions and raised user epochs, in memory. An entry is kept until the
 * last access token that it concerns has expired; after that it changes nothing.
 */
export type RevocationSet = {
  readonly isSessionEnded: (sessionId: string) => boolean;
  /** The lowest epoch that the user's tokens may carry; 0 where nothing is known. */
  readonly epochOf: (userId: string) => number;
  readonly endSession: (sessionId: string, expiresAt: number) => void;
  readonly raiseEpoch: (userId: string, epoch: number, expiresAt: number) => void;
  /** Drops what concerns only tokens that expired before `now` (milliseconds). */
  readonly forget: (now: number) => void;
  readonly clear: () => void;
  /** Entries held. */
  readonly size: () => number;
};

/** An empty {@link RevocationSet}. */
export function createRevocationSet(): RevocationSet {
  const ended = new Map<string, number>();
  const epochs = new Map<string, { epoch: number; expiresAt: number }>();
  return {
    isSessionEnded: (sessionId) => ended.has(sessionId),
    epochOf: (userId) => epochs.get(userId)?.epoch ?? 0,
    endSession: (sessionId, expiresAt) => void ended.set(sessionId, Math.max(expiresAt, ended.get(sessionId) ?? 0)),
    raiseEpoch(userId, epoch, expiresAt) {
      const known = epochs.get(userId);
      epochs.set(userId, {
        epoch: Math.max(epoch, known?.epoch ?? 0),
        expiresAt: Math.max(expiresAt, known?.expiresAt ?? 0),
      });
    },
    forget(now) {
      for (const [sessionId, expiresAt] of ended) if (expiresAt <= now) ended.delete(sessionId);
      for (const [userId, { expiresAt }] of epochs) if (expiresAt <= now) epochs.delete(userId);
    },
    clear() {
      ended.clear();
      epochs.clear();
    },
    size: () => ended.size + epochs.size,
  };
}
