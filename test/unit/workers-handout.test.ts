/** Which worker gets a connection, and what becomes of it if that worker does not take it. */
import { Socket } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import { createHandout, type Handout, type Seat } from "../../src/workers/handout.ts";

/** A worker that notes what it is handed. */
type Hands = { readonly seat: Seat; readonly ids: number[]; readonly sockets: Socket[] };

/** Connections that a worker may have. */
const MOST_EACH = 1_200;

let handout: Handout;
beforeEach(() => {
  handout = createHandout(MOST_EACH);
});

function sit(): Hands {
  const ids: number[] = [];
  const sockets: Socket[] = [];
  const seat = handout.seat((id, socket) => {
    ids.push(id);
    sockets.push(socket);
  });
  return { seat, ids, sockets };
}

function give(count: number): readonly Socket[] {
  const sockets = Array.from({ length: count }, () => new Socket());
  for (const socket of sockets) handout.give(socket);
  return sockets;
}

const counts = (...all: readonly Hands[]) => all.map(({ sockets }) => sockets.length);
const takeAll = ({ seat, ids }: Hands) => ids.splice(0).forEach(seat.taken);

describe("Connections", () => {
  it("go to whoever has the fewest, equals in turns", () => {
    const [one, two, three] = [sit(), sit(), sit()];
    give(9);
    expect(counts(one, two, three)).toEqual([3, 3, 3]);
    two.seat.ended(2);
    give(2);
    expect(counts(one, two, three)).toEqual([3, 5, 3]);
  });

  it("go to a new worker until it has as many as the others", () => {
    const old = sit();
    give(4);
    const fresh = sit();
    give(4);
    expect(counts(old, fresh)).toEqual([4, 4]);
  });

  it("are let go of here once they are taken, not before", () => {
    const worker = sit();
    const [socket] = give(1);
    expect(socket?.destroyed).toBe(false);
    takeAll(worker);
    expect(socket?.destroyed).toBe(true);
  });

  it("that a dead worker had not taken go to others; those that it had are lost with it", () => {
    const [dead, alive] = [sit(), sit()];
    const [lost] = give(1);
    takeAll(dead);
    give(3);
    expect(counts(dead, alive)).toEqual([2, 2]);
    dead.seat.vacate();
    expect(alive.sockets).toHaveLength(3);
    expect(alive.sockets).not.toContain(lost);
    for (const socket of alive.sockets) expect(socket.destroyed).toBe(false);
  });

  it("that one worker declines go to another; if all decline, they are closed", () => {
    const [one, two] = [sit(), sit()];
    const [socket] = give(1);
    one.seat.declined(one.ids[0] ?? 0);
    expect(two.sockets).toEqual([socket]);
    two.seat.declined(two.ids[0] ?? 0);
    expect(socket?.destroyed).toBe(true);
    give(2);
    expect(counts(one, two)).toEqual([2, 2]);
  });

  it("go to no worker that stops, even if it has none", () => {
    const [leaving, staying] = [sit(), sit()];
    leaving.seat.leave();
    give(3);
    expect(counts(leaving, staying)).toEqual([0, 3]);
    expect(handout.seats()).toBe(1);
  });

  it("wait for a worker if there is none, up to a bound", () => {
    const sockets = give(1_001);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([...new Array(1_000).fill(false), true]);
    expect(sit().sockets).toEqual(sockets.slice(0, 1_000));
  });

  it("are closed if every worker has as many as it may have, until some end", () => {
    const [one, two] = [sit(), sit()];
    give(2 * MOST_EACH);
    const [late] = give(1);
    expect(late?.destroyed).toBe(true);
    two.seat.ended(1);
    give(1);
    expect(counts(one, two)).toEqual([MOST_EACH, MOST_EACH + 1]);
  });

  it("are closed when nobody is left to take them, and nobody will be", () => {
    const worker = sit();
    worker.seat.leave();
    const [waiting] = give(1);
    handout.close();
    const [late] = give(1);
    expect([waiting?.destroyed, late?.destroyed]).toEqual([true, true]);
    expect(worker.sockets).toEqual([]);
  });
});
