/**
 * The open streams of an HTTP/2 session, by their numbers, in the place of the `Map` that Node keeps them in.
 *
 * Streams come and go, thousands a second, and each takes some kilobytes with it. A `Map` that things come to and go from
 * takes a new table again and again, and the old tables lead to the new ones: once one of them has outlived a full
 * collection, young collections take all that any of them held for alive. Measured: ten times as long for each young
 * collection, from the first full one on (docs/decisions/0027). This table is one and the same until it grows, and what
 * has gone out of it is nowhere.
 */
import { types } from "node:util";
import { mayStay } from "../lib/linear-probing.ts";

/** What Node asks of it. */
export type StreamTable<T> = {
  readonly size: number;
  readonly get: (id: number) => T | undefined;
  readonly set: (id: number, stream: T) => void;
  /** True if it was there. */
  readonly delete: (id: number) => boolean;
  /** Calls back for each that is there now. Any of them may go meanwhile. */
  readonly forEach: (callback: (stream: T) => void) => void;
};

/** Places to begin with; a power of two, as their number always is. */
const FIRST_PLACES = 16;
/** Numbers of streams begin with 1 (RFC 9113 section 5.1.1). */
const EMPTY = 0;

/** An empty {@link StreamTable}: open addressing with linear probing (Knuth, The Art of Computer Programming 3, 6.4). */
export function createStreamTable<T>(): StreamTable<T> {
  let ids: number[] = new Array(FIRST_PLACES).fill(EMPTY);
  let streams: (T | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  let size = 0;

  const mask = () => ids.length - 1;
  // A client's numbers are odd.
  const homeOf = (id: number) => (id >>> 1) & mask();
  const after = (place: number) => (place + 1) & mask();

  /** The place of a number, or the empty one where it would go. There always is an empty one. */
  function find(id: number): number {
    let place = homeOf(id);
    while (ids[place] !== EMPTY && ids[place] !== id) place = after(place);
    return place;
  }

  function put(place: number, id: number, stream: T | undefined): void {
    ids[place] = id;
    streams[place] = stream;
  }

  function grow(): void {
    const [oldIds, oldStreams] = [ids, streams];
    ids = new Array(oldIds.length * 2).fill(EMPTY);
    streams = new Array(oldIds.length * 2).fill(undefined);
    for (const [place, id] of oldIds.entries()) if (id !== EMPTY) put(find(id), id, oldStreams[place]);
  }

  /** Empties a place, and moves what lies behind it so that every search still ends where it should (algorithm R). */
  function removeAt(place: number): void {
    let gap = place;
    for (let next = after(gap); ids[next] !== EMPTY; next = after(next)) {
      const id = ids[next] ?? EMPTY;
      if (mayStay(gap, homeOf(id), next)) continue;
      put(gap, id, streams[next]);
      gap = next;
    }
    put(gap, EMPTY, undefined);
  }

  return {
    get size() {
      return size;
    },
    get: (id) => streams[find(id)],
    set(id, stream) {
      if ((size + 1) * 2 > ids.length) grow();
      const place = find(id);
      if (ids[place] === EMPTY) size += 1;
      put(place, id, stream);
    },
    delete(id) {
      const place = find(id);
      if (ids[place] === EMPTY) return false;
      removeAt(place);
      size -= 1;
      return true;
    },
    forEach(callback) {
      for (const stream of streams.filter((one) => one !== undefined)) callback(stream);
    },
  };
}

/**
 * Has a session (`Http2Session`) that is new keep its streams in a table of ours. It is a private matter of Node's: where that does not
 * look as we know it, all stays as it is, and is only slower. True if it was done.
 */
export function keepStreamsInTable(session: object): boolean {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === "state");
  const state: unknown = key === undefined ? undefined : Reflect.get(session, key);
  if (typeof state !== "object" || state === null || !("streams" in state)) return false;
  if (!types.isMap(state.streams) || state.streams.size > 0) return false;
  state.streams = createStreamTable();
  return true;
}
