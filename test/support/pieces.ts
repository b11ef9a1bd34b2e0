/** How often whoever works in this process goes to and fro over the network. */
import { AsyncLocalStorage } from "node:async_hooks";
import { Socket } from "node:net";
import { onTestFinished, vi } from "vitest";

/** Counts what is written to sockets in the course of `work`, and not beside it; until the test is over. */
export function countPieces() {
  const counts = new AsyncLocalStorage<{ pieces: number }>();
  const write = Socket.prototype.write;
  const spy = vi.spyOn(Socket.prototype, "write").mockImplementation(function counted(
    this: Socket,
    ...args: unknown[]
  ) {
    const count = counts.getStore();
    if (count !== undefined) count.pieces += 1;
    return Reflect.apply(write, this, args);
  });
  onTestFinished(() => spy.mockRestore());
  return {
    async of(work: () => Promise<unknown>): Promise<number> {
      const count = { pieces: 0 };
      await counts.run(count, work);
      return count.pieces;
    },
  };
}
