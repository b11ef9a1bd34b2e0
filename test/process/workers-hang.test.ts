/** What becomes of a worker that is there and answers nothing, and of those who call meanwhile. */
import { expect, it, onTestFinished } from "vitest";
import { eventually } from "../support/eventually.ts";
import { askAnew, childrenOf, linesOf, openLine, startWorkers } from "../support/worker-processes.ts";

/** Longer than a worker may keep silent, and than what follows takes. */
const HANG_TEST_MS = 90_000;
const PATIENCE_MS = 60_000;

it(
  "A worker that hangs is ended and replaced, its fellow is not, and whoever connects meanwhile is answered",
  async () => {
    const { server, remove } = await startWorkers();
    onTestFinished(remove);
    const lines = [await openLine(server), await openLine(server)];
    const hung = lines.find(({ worker }) => worker === 1);
    const called = new Promise((resolve) => {
      const [victim = 0] = childrenOf(server.process.pid);
      process.kill(victim, "SIGSTOP");
      hung?.clients().auth.authorize({ accessToken: "none" }).then(resolve, resolve);
    });
    // Half of them are handed to it.
    let answered = 0;
    const calls = Array.from({ length: 8 }, () =>
      askAnew(`${server.url}/healthz`).finally(() => {
        answered += 1;
      }),
    );
    const events = ["worker_silent", "worker_hung", "worker_ended", "worker_replaced"];
    const ofWorkers = () => linesOf(server).filter(({ event }) => events.includes(String(event)));
    await eventually(ofWorkers, PATIENCE_MS).toMatchObject([{ event: "worker_silent", level: "warn", worker: 1 }]);
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(calls.length);
    await eventually(ofWorkers, PATIENCE_MS).toMatchObject([
      { event: "worker_silent" },
      { event: "worker_hung", level: "error", worker: 1 },
      { event: "worker_ended", level: "error", worker: 1, signal: "SIGKILL" },
      { event: "worker_replaced", worker: 1 },
    ]);
    expect(await Promise.all(calls)).toEqual(calls.map(() => 200));
    expect(await called).toBeInstanceOf(Error);
    expect(childrenOf(server.process.pid)).toHaveLength(2);
    for (const { close } of lines) close();
    const after = [await openLine(server), await openLine(server)];
    expect(after.map(({ worker }) => worker).sort()).toEqual([1, 2]);
    for (const { close } of after) close();
  },
  HANG_TEST_MS,
);
