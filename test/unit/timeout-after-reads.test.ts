/** A timeout beside a connection, in a process that stands still for a while. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { timeoutAfterReads } from "../../src/lib/timeout-after-reads.ts";

const WAIT_MS = 20;
const STANDSTILL_MS = 100;

/** The two ends of a connection. */
let far: Socket;
let near: Socket;
/** What happened. */
let happened: string[];

beforeEach(async () => {
  happened = [];
  const server = createServer((socket) => {
    far = socket;
  }).listen(0, "127.0.0.1");
  const accepted = once(server, "connection");
  await once(server, "listening");
  const address = server.address();
  near = connect(typeof address === "object" ? Number(address?.port) : 0, "127.0.0.1");
  await Promise.all([accepted, once(near, "connect")]);
  server.close();
});
afterEach(() => {
  near.destroy();
  far.destroy();
});

function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS);
}

describe("A timeout after reads", () => {
  it("is told of what arrived while the process stood still, which a timeout is not", async () => {
    const prevent = timeoutAfterReads(() => happened.push("act"), WAIT_MS);
    const timer = setTimeout(() => happened.push("timeout"), WAIT_MS);
    near.once("data", () => {
      happened.push("data");
      prevent();
    });
    far.write("x");
    standStill();
    await pause(STANDSTILL_MS);
    clearTimeout(timer);
    expect(happened).toEqual(["timeout", "data"]);
  });

  it("acts once if nothing arrives, and not before its time", async () => {
    const at = performance.now();
    await new Promise<void>((resolve) => {
      timeoutAfterReads(() => {
        happened.push("act");
        resolve();
      }, WAIT_MS);
    });
    expect(performance.now() - at).toBeGreaterThanOrEqual(WAIT_MS - 1);
    await pause(2 * WAIT_MS);
    expect(happened).toEqual(["act"]);
  });

  it("does nothing once it is prevented, also between its time and the reads", async () => {
    const prevent = timeoutAfterReads(() => happened.push("act"), WAIT_MS);
    setTimeout(prevent, WAIT_MS);
    standStill();
    await pause(2 * WAIT_MS);
    expect(happened).toEqual([]);
  });
});
