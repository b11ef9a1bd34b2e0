/**
 * Hands connections to workers: each to the one that has the fewest. HTTP/2
 * connections are few and live for hours, so that turns or chance would leave one
 * worker with most of the work, and one that was replaced with none.
 *
 * Until a worker says that it has taken a connection, it is held here, too: one that
 * was handed to a worker which died, or stops, is handed to another.
 */
import type { Socket } from "node:net";

/** A worker, as the handout sees it. */
export type Seat = {
  /** The worker has taken it. */
  readonly taken: (id: number) => void;
  /** The worker will not take it. */
  readonly declined: (id: number) => void;
  /** So many that it had taken have ended. */
  readonly ended: (count: number) => void;
  /** The worker takes no more: it stops, hangs, or is gone. */
  readonly leave: () => void;
  /** The worker is gone. What it had not taken is handed to others. */
  readonly vacate: () => void;
};

/** Hands out connections. */
export type Handout = {
  /** A worker that takes connections from now on, by `hand`. */
  readonly seat: (hand: (id: number, socket: Socket) => void) => Seat;
  /** Hands out a connection. It waits if there is nobody, as when a worker is being replaced. */
  readonly give: (socket: Socket) => void;
  /** How many workers take connections now. */
  readonly seats: () => number;
  /** Closes what waits; and from now on whatever nobody takes. */
  readonly close: () => void;
};

type Place = {
  readonly hand: (id: number, socket: Socket) => void;
  /** Connections that it has, and those that it was handed. */
  load: number;
  readonly handed: Map<number, Socket>;
};

/** Connections that wait for a worker; more are closed. */
const MAX_WAITING = 1_000;

/** A handout without workers, each of which may have so many connections; more are closed. */
export function createHandout(mostEach: number): Handout {
  /** In the order in which they were handed something last, so that equals take turns. */
  const places = new Set<Place>();
  /** Who has declined it. */
  const declinedBy = new WeakMap<Socket, Set<Place>>();
  let waiting: Socket[] = [];
  let isClosed = false;
  let lastId = 0;

  function give(socket: Socket): void {
    const others = declinedBy.get(socket);
    const place = leastLoaded([...places].filter((one) => others?.has(one) !== true));
    if (place !== null && place.load < mostEach) handTo(place, socket);
    else if (isClosed || places.size > 0 || waiting.length >= MAX_WAITING) socket.destroy();
    else waiting.push(socket);
  }

  function handTo(place: Place, socket: Socket): void {
    places.delete(place);
    places.add(place);
    lastId += 1;
    place.load += 1;
    place.handed.set(lastId, socket);
    place.hand(lastId, socket);
  }

  function seat(hand: Place["hand"]): Seat {
    const place: Place = { hand, load: 0, handed: new Map() };
    places.add(place);
    const waited = waiting;
    waiting = [];
    for (const socket of waited) give(socket);

    function back(id: number): Socket | undefined {
      const socket = place.handed.get(id);
      place.handed.delete(id);
      return socket;
    }

    return {
      taken: (id) => void back(id)?.destroy(),
      declined(id) {
        const socket = back(id);
        place.load -= 1;
        if (socket === undefined) return;
        declinedBy.set(socket, (declinedBy.get(socket) ?? new Set()).add(place));
        give(socket);
      },
      ended(count) {
        place.load -= count;
      },
      leave: () => void places.delete(place),
      vacate() {
        places.delete(place);
        const left = [...place.handed.values()];
        place.handed.clear();
        for (const socket of left) give(socket);
      },
    };
  }

  return {
    seat,
    give,
    seats: () => places.size,
    close() {
      isClosed = true;
      for (const socket of waiting) socket.destroy();
      waiting = [];
    },
  };
}

function leastLoaded(places: readonly Place[]): Place | null {
  let least: Place | null = null;
  for (const place of places) if (least === null || place.load < least.load) least = place;
  return least;
}
