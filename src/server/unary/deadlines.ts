/**
 * One timer for the deadlines of all calls. Nearly every call is over long before its
 * deadline, and a timer of its own for each would be set for nothing.
 */

import { createLinkedList, type Place } from "../../lib/linked-list.ts";

/** A call that has a deadline. */
export type Due = { readonly endsAt: number; readonly expire: () => void };

/** Calls that are not over. Times are milliseconds by `performance.now`. */
export type Deadlines = {
  /** Calls `expire` at the deadline, unless the call is removed before. */
  readonly add: (due: Due) => Place<Due>;
  /** The call is over. */
  readonly remove: (place: Place<Due>) => void;
};

/** Deadlines of nobody. */
export function createDeadlines(): Deadlines {
  const open = createLinkedList<Due>();
  let timer: NodeJS.Timeout | null = null;
  let wakesAt = Number.POSITIVE_INFINITY;

  function wakeAt(endsAt: number): void {
    if (timer !== null) clearTimeout(timer);
    wakesAt = endsAt;
    // What is open keeps the process alive by its connection.
    timer = setTimeout(wake, Math.max(0, Math.ceil(endsAt - performance.now()))).unref();
  }

  function wake(): void {
    timer = null;
    wakesAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    open.each((due, place) => {
      if (due.endsAt > now) next = Math.min(next, due.endsAt);
      else if (open.remove(place)) due.expire();
    });
    if (next < wakesAt) wakeAt(next);
  }

  return {
    add(due) {
      if (due.endsAt < wakesAt) wakeAt(due.endsAt);
      return open.add(due);
    },
    remove: (place) => void open.remove(place),
  };
}
