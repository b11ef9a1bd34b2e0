/**
 * A doubly linked list, for things that are there for a moment, thousands a second, and can be gone through.
 *
 * A `Set` is made for what stays. For what comes and goes it takes a new table again and again; the old tables lead to
 * the new ones, and once one of them is old, a young collection takes all that any of them held for alive. Here whoever
 * has gone leads to nobody.
 */

/** The place of an item in a {@link LinkedList}. */
export type Place<T> = { readonly item: T; before: Place<T> | null; after: Place<T> | null };

/** Items in the order in which they were added. */
export type LinkedList<T> = {
  /** How many there are. */
  readonly size: () => number;
  /** Adds an item; its place, by which it is taken out again. */
  readonly add: (item: T) => Place<T>;
  /** Takes an item out; false if it was out. */
  readonly remove: (place: Place<T>) => boolean;
  /** Takes the oldest item out; `undefined` if there is none. */
  readonly takeFirst: () => T | undefined;
  /** Calls back for each item. Any of them may be taken out meanwhile. */
  readonly each: (callback: (item: T, place: Place<T>) => void) => void;
};

/** A list of nothing. */
export function createLinkedList<T>(): LinkedList<T> {
  let first: Place<T> | null = null;
  let last: Place<T> | null = null;
  let size = 0;

  function isIn(place: Place<T>): boolean {
    return place === first || place.before !== null;
  }

  function remove(place: Place<T>): boolean {
    if (!isIn(place)) return false;
    const { before, after } = place;
    if (before === null) first = after;
    else before.after = after;
    if (after === null) last = before;
    else after.before = before;
    place.before = null;
    place.after = null;
    size -= 1;
    return true;
  }

  return {
    size: () => size,
    add(item) {
      const place: Place<T> = { item, before: last, after: null };
      if (last === null) first = place;
      else last.after = place;
      last = place;
      size += 1;
      return place;
    },
    remove,
    takeFirst() {
      const place = first;
      if (place === null) return undefined;
      remove(place);
      return place.item;
    },
    each(callback) {
      const places: Place<T>[] = [];
      for (let place = first; place !== null; place = place.after) places.push(place);
      for (const place of places) if (isIn(place)) callback(place.item, place);
    },
  };
}
