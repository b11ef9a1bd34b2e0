/** When an HTTP/2 session counts as idle, and what becomes of it. The time is the test's. */
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { endWhenIdle } from "../../src/server/idle-sessions.ts";

const IDLE_MS = 800;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A session that is watched. `closesAtOnce`: its peer takes what is left of it. */
function watched({ closesAtOnce = true } = {}) {
  const state = { events: 0, isBusy: false, ends: 0, isCut: false };
  const socket = Object.assign(new EventEmitter(), {
    destroy() {
      state.isCut = true;
      socket.emit("close");
    },
  });
  const session = {
    destroyed: false,
    destroy() {
      session.destroyed = true;
      state.ends += 1;
      if (closesAtOnce) socket.emit("close");
    },
  };
  endWhenIdle({ session, socket: Object(socket), events: () => state.events, isBusy: () => state.isBusy }, IDLE_MS);
  return { state, socket };
}

describe("A session", () => {
  it("on which nothing is asked ends when its time has passed, not before, once", () => {
    const { state } = watched();
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(state.ends).toBe(0);
    vi.advanceTimersByTime(1);
    expect(state.ends).toBe(1);
    vi.advanceTimersByTime(10 * IDLE_MS);
    expect(state).toMatchObject({ ends: 1, isCut: false });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("has all of its time again whenever a request has come or is over", () => {
    const { state } = watched();
    for (let times = 0; times < 5; times += 1) {
      vi.advanceTimersByTime(IDLE_MS - 1);
      state.events += 1;
    }
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(state.ends).toBe(0);
    vi.advanceTimersByTime(IDLE_MS / 8 + 1);
    expect(state.ends).toBe(1);
  });

  it("is not idle while an answer is being made, however long", () => {
    const { state } = watched();
    state.isBusy = true;
    vi.advanceTimersByTime(10 * IDLE_MS);
    expect(state.ends).toBe(0);
    state.isBusy = false;
    vi.advanceTimersByTime(IDLE_MS);
    expect(state.ends).toBe(1);
  });

  it("whose peer does not take what is left of it loses its connection, after as long again", () => {
    const { state } = watched({ closesAtOnce: false });
    vi.advanceTimersByTime(IDLE_MS);
    expect(state).toMatchObject({ ends: 1, isCut: false });
    vi.advanceTimersByTime(IDLE_MS - 1);
    expect(state.isCut).toBe(false);
    vi.advanceTimersByTime(1);
    expect(state).toMatchObject({ ends: 1, isCut: true });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that is closed for another reason is watched no more", () => {
    const { state, socket } = watched();
    socket.emit("close");
    vi.advanceTimersByTime(2 * IDLE_MS);
    expect(state.ends).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
