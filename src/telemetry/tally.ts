import { Counter, type Registry } from "prom-client";

/** One series of a counter. */
export type Tally = { readonly add: () => void };

type TalliesOptions<Label extends string> = {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
};

/**
 * A counter whose series are plain numbers until somebody scrapes: the library's own
 * look up their labels anew at each count, which costs more than a check does.
 * @returns a function that makes a series. It is shown from its first count on, or,
 * with `fromZero`, from the start, so that its first event shows as an increase.
 */
export function createTallies<Label extends string>(
  registry: Registry,
  options: TalliesOptions<Label>,
): (labels: Readonly<Record<Label, string>>, fromZero?: boolean) => Tally {
  const cells: { readonly labels: Readonly<Record<Label, string>>; readonly fromZero: boolean; count: number }[] = [];
  new Counter({
    ...options,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, fromZero, count } of cells) if (fromZero || count > 0) this.inc({ ...labels }, count);
    },
  });
  return function createTally(labels, fromZero = false) {
    const cell = { labels, fromZero, count: 0 };
    cells.push(cell);
    return {
      add() {
        cell.count += 1;
      },
    };
  };
}
