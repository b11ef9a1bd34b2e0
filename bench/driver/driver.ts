/**
 * The process that asks. It is apart from every server, so that its own work never
 * counts as theirs, and does one job at a time: whoever started it says which.
 */
import type { Answer, Sample, Target, Window } from "./job.ts";
import { askOnce, measure } from "./window.ts";

/** What the driver is told to do: to measure, or, without a window, to ask once. */
export type Order = { readonly id: number; readonly target: Target; readonly window: Window | null };

/** What became of an order. */
export type Report = { readonly id: number } & (
  | { readonly sample: Sample }
  | { readonly answer: Answer }
  | { readonly failure: string }
);

process.on("message", (order: Order) => {
  carryOut(order).then(
    (report) => process.send?.(report),
    (error: unknown) => process.send?.({ id: order.id, failure: explain(error) } satisfies Report),
  );
});
process.on("disconnect", () => process.exit());

async function carryOut({ id, target, window }: Order): Promise<Report> {
  return window === null ? { id, answer: await askOnce(target) } : { id, sample: await measure(target, window) };
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
}
