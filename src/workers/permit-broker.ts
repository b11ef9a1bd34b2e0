/** Permits that several workers share: so many in all, in the order in which they were asked for. */
export type PermitBroker<Holder> = {
  /** Asks for one more; it is granted now, or when one is free. */
  readonly want: (holder: Holder) => void;
  /** Gives one back. */
  readonly free: (holder: Holder) => void;
  /** The holder is gone: what it had is free, what it wanted is wanted no more. */
  readonly drop: (holder: Holder) => void;
};

/** A broker of `permits` permits, which tells by `grant` who has got one. */
export function createPermitBroker<Holder>(permits: number, grant: (holder: Holder) => void): PermitBroker<Holder> {
  const held = new Map<Holder, number>();
  let left = permits;
  let wanted: Holder[] = [];

  function grantWhatIsFree(): void {
    while (left > 0) {
      const holder = wanted.shift();
      if (holder === undefined) return;
      left -= 1;
      held.set(holder, (held.get(holder) ?? 0) + 1);
      grant(holder);
    }
  }

  return {
    want(holder) {
      wanted.push(holder);
      grantWhatIsFree();
    },
    free(holder) {
      const count = held.get(holder) ?? 0;
      if (count === 0) return;
      held.set(holder, count - 1);
      left += 1;
      grantWhatIsFree();
    },
    drop(holder) {
      wanted = wanted.filter((one) => one !== holder);
      left += held.get(holder) ?? 0;
      held.delete(holder);
      grantWhatIsFree();
    },
  };
}
