/**
 * Ids with a number and an expiry each, in flat memory: 24 bytes for each place of an
 * open-addressed table with linear probing (Knuth, The Art of Computer Programming 3, 6.4,
 * algorithms L and R) that is between 3/8 and 3/4 full. A million ids take some 45 MB, and
 * nothing of the garbage collector's time. A filter in front of it answers for most ids that are not in it.
 *
 * The table is in parts that grow one by one, so that no change has to move more
 * than a few thousand entries.
 */
import { ID_WORDS, writeIdWords } from "../lib/id-words.ts";
import { mayStay } from "../lib/linear-probing.ts";
import { createIdFilter, SEGMENTS, segmentOf } from "./id-filter.ts";

/** Words of an entry: those of the id, its number, its expiry. A place whose expiry is 0 is empty. */
export const ENTRY_WORDS = ID_WORDS + 2;
const NUMBER = ID_WORDS;
const EXPIRY = ID_WORDS + 1;

/** Each part has a segment of the filter. */
const PARTS = SEGMENTS;
const FIRST_PLACES = 8;
/** Bits of the filter for each place: of eight ids that are missing, seven are told apart by it, or more. */
const FILTER_BITS = 4;
/** Places that one call of `forget` looks at, or few more. */
const SWEPT_PLACES = 8192;

/** A table of ids. Numbers and expiries, in whole seconds since 1970, are below 2^32. */
export type IdTable = {
  /** The number of this id; `null` if it is not in the table. */
  readonly get: (id: string) => number | null;
  /** The same for the words of an id. */
  readonly getWords: (words: Uint32Array) => number | null;
  /** Puts an id in. If it is in, the greater number and the later expiry stay. */
  readonly raise: (id: string, number: number, expiry: number) => void;
  /** The same for the words of an id that begin at `at`. */
  readonly raiseWords: (words: Uint32Array, at: number, number: number, expiry: number) => void;
  /** Goes on where it stopped, through a part of a large table or all of a small one, and drops what expired by `now`, in seconds. */
  readonly forget: (now: number) => void;
  readonly clear: () => void;
  readonly size: () => number;
  /** A copy of the entries, {@link ENTRY_WORDS} words each, part by part; what changes meanwhile may be in it or not. */
  readonly entries: () => Iterable<Uint32Array>;
};

/** Some of the places. `taken` of them are. */
type Part = { places: Uint32Array; taken: number };

/** An empty {@link IdTable}. */
export function createIdTable(): IdTable {
  let parts = emptyParts();
  let filter = createIdFilter();
  let size = 0;
  let swept = 0;
  const sought = new Uint32Array(ID_WORDS);

  function raiseWords(words: Uint32Array, at: number, number: number, expiry: number): void {
    const part = partOf(parts, words, at);
    let place = find(part.places, words, at);
    if (part.places[place + EXPIRY] === 0) {
      if ((part.taken + 1) * ENTRY_WORDS * 4 > part.places.length * 3) {
        part.places = resized(part.places, part.places.length * 2);
        filter.grow((part.places.length / ENTRY_WORDS) * FILTER_BITS);
        filterAnew(part, segmentOf(lastOf(words, at)));
        place = find(part.places, words, at);
      }
      part.places.set(words.subarray(at, at + ID_WORDS), place);
      filter.add(lastOf(words, at));
      part.taken += 1;
      size += 1;
    }
    part.places[place + NUMBER] = Math.max(number, part.places[place + NUMBER] ?? 0);
    part.places[place + EXPIRY] = Math.max(expiry, part.places[place + EXPIRY] ?? 0);
  }

  function filterAnew({ places }: Part, segment: number): void {
    filter.clear(segment);
    for (let place = 0; place < places.length; place += ENTRY_WORDS)
      if (places[place + EXPIRY] !== 0) filter.add(lastOf(places, place));
  }

  function sweep(index: number, now: number): void {
    const part = partAt(parts, index);
    const { places, taken } = part;
    for (let place = 0; place < places.length; ) {
      const expiry = places[place + EXPIRY] ?? 0;
      if (expiry === 0 || expiry > now) {
        place += ENTRY_WORDS;
      } else {
        // Another may move into the gap, and is looked at next.
        removeAt(places, place);
        part.taken -= 1;
        size -= 1;
      }
    }
    const least = Math.max(FIRST_PLACES * ENTRY_WORDS, places.length / 4);
    if (part.taken * ENTRY_WORDS * 8 < places.length && least < places.length) part.places = resized(places, least);
    if (part.taken < taken) filterAnew(part, index);
  }

  function getWords(words: Uint32Array): number | null {
    if (!filter.mayHave(lastOf(words, 0))) return null;
    const { places } = partOf(parts, words, 0);
    const place = find(places, words, 0);
    return places[place + EXPIRY] === 0 ? null : (places[place + NUMBER] ?? 0);
  }

  return {
    get(id) {
      writeIdWords(id, sought, 0);
      return getWords(sought);
    },
    getWords,
    raise(id, number, expiry) {
      writeIdWords(id, sought, 0);
      raiseWords(sought, 0, number, expiry);
    },
    raiseWords,
    forget(now) {
      for (let seen = 0, looked = 0; looked < PARTS && seen < SWEPT_PLACES; looked += 1) {
        seen += partAt(parts, swept).places.length / ENTRY_WORDS;
        sweep(swept, now);
        swept = (swept + 1) % PARTS;
      }
    },
    clear() {
      parts = emptyParts();
      filter = createIdFilter();
      size = 0;
    },
    size: () => size,
    *entries() {
      for (const part of parts) yield entriesOf(part);
    },
  };
}

function emptyParts(): readonly Part[] {
  return Array.from({ length: PARTS }, () => ({ places: new Uint32Array(FIRST_PLACES * ENTRY_WORDS), taken: 0 }));
}

function lastOf(words: Uint32Array, at: number): number {
  return words[at + ID_WORDS - 1] ?? 0;
}

/** The last word is random in a UUIDv7: its upper bits choose the part, the lower ones the place. */
function partOf(parts: readonly Part[], words: Uint32Array, at: number): Part {
  return partAt(parts, segmentOf(lastOf(words, at)));
}

function partAt(parts: readonly Part[], index: number): Part {
  const part = parts[index];
  if (part === undefined) throw new RangeError(`there is no part ${index}`);
  return part;
}

/** Where the search for an id begins, as an index of words. */
function homeOf(places: Uint32Array, words: Uint32Array, at: number): number {
  return (lastOf(words, at) & (places.length / ENTRY_WORDS - 1)) * ENTRY_WORDS;
}

/** The place of an id, or the empty one where it would go. There always is an empty one. */
function find(places: Uint32Array, words: Uint32Array, at: number): number {
  let place = homeOf(places, words, at);
  while (places[place + EXPIRY] !== 0 && !isSame(places, place, words, at)) place = after(places, place);
  return place;
}

function isSame(places: Uint32Array, place: number, words: Uint32Array, at: number): boolean {
  return (
    places[place + 3] === words[at + 3] &&
    places[place + 2] === words[at + 2] &&
    places[place + 1] === words[at + 1] &&
    places[place] === words[at]
  );
}

function after(places: Uint32Array, place: number): number {
  return place + ENTRY_WORDS === places.length ? 0 : place + ENTRY_WORDS;
}

/** Empties a place, and moves what lies behind it so that every search still ends where it should (algorithm R). */
function removeAt(places: Uint32Array, place: number): void {
  let gap = place;
  for (let next = after(places, gap); places[next + EXPIRY] !== 0; next = after(places, next)) {
    if (mayStay(gap, homeOf(places, places, next), next)) continue;
    places.copyWithin(gap, next, next + ENTRY_WORDS);
    gap = next;
  }
  places.fill(0, gap, gap + ENTRY_WORDS);
}

/** The same entries in another number of places; `length` in words. */
function resized(places: Uint32Array, length: number): Uint32Array {
  const larger = new Uint32Array(length);
  for (let place = 0; place < places.length; place += ENTRY_WORDS) {
    if (places[place + EXPIRY] !== 0)
      larger.set(places.subarray(place, place + ENTRY_WORDS), find(larger, places, place));
  }
  return larger;
}

function entriesOf({ places, taken }: Part): Uint32Array {
  const entries = new Uint32Array(taken * ENTRY_WORDS);
  let at = 0;
  for (let place = 0; place < places.length; place += ENTRY_WORDS) {
    if (places[place + EXPIRY] === 0) continue;
    entries.set(places.subarray(place, place + ENTRY_WORDS), at);
    at += ENTRY_WORDS;
  }
  return entries;
}
