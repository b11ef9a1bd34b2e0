/**
 * Who was cut off comes back, with as much again as gets a session cut off. Here such an address is made to take its
 * time: it is never refused, since an address may stand for many clients (a proxy, a network behind NAT), and what they
 * already have open is not touched.
 */

/** When sessions of an address may begin. */
export type Readmission = {
  /** A session of this address was cut off for what its client did. */
  readonly cutOff: (address: string) => void;
  /** How long the next session of this address is to wait, in milliseconds; that time is then taken. */
  readonly waitFor: (address: string) => number;
};

type ReadmissionDeps = {
  /** Milliseconds of a clock that only moves forward. */
  readonly now: () => number;
  /** Sessions that an address may lose before it has to wait: fewer are a mishap. */
  readonly mishaps: number;
  /** How long that is remembered after the last of them, in milliseconds. */
  readonly rememberedMs: number;
  /** From one session of such an address to the next, in milliseconds. */
  readonly gapMs: number;
  /** The longest that any session has to wait, in milliseconds. */
  readonly mostMs: number;
};

type Record = { lost: number; forgottenAt: number; nextAt: number };

/** So many addresses are remembered before those that may be forgotten are looked for. */
const SWEPT_AT = 1000;

/** Nobody was cut off yet. */
export function createReadmission({ now, mishaps, rememberedMs, gapMs, mostMs }: ReadmissionDeps): Readmission {
  const records = new Map<string, Record>();

  function recordOf(address: string): Record | null {
    const record = records.get(address);
    if (record !== undefined && record.forgottenAt > now()) return record;
    records.delete(address);
    return null;
  }

  return {
    cutOff(address) {
      if (records.size >= SWEPT_AT) for (const known of records.keys()) recordOf(known);
      const record = recordOf(address) ?? { lost: 0, forgottenAt: 0, nextAt: 0 };
      record.lost += 1;
      record.forgottenAt = now() + rememberedMs;
      record.nextAt = Math.max(record.nextAt, now() + gapMs);
      records.set(address, record);
    },
    waitFor(address) {
      const record = recordOf(address);
      if (record === null || record.lost <= mishaps) return 0;
      const time = now();
      const at = Math.min(Math.max(record.nextAt, time), time + mostMs);
      record.nextAt = at + gapMs;
      return at - time;
    },
  };
}
