/** Whoever asks for a check waits for no password hash: on Linux, the threads that hash give way to the one that answers. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { startServerProcess } from "../support/server-process.ts";

const folder = temporaryFolder();
afterEach(() => rmSync(folder, { recursive: true }));

/** The niceness of each thread, by the name of the thread (proc(5): the 19th field of `stat`; the second may hold spaces). */
function nicenessOf(pid: number | undefined): readonly (readonly [name: string, niceness: number])[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return [name, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16])];
  });
}

describe.runIf(process.platform === "linux")("A server", () => {
  it("hashes passwords in threads that give way to all others of it, as many as there may be", async () => {
    const server = await startServerProcess({
      SALLYPORT_DATA_DIR: folder,
      SALLYPORT_PORT: "0",
      UV_THREADPOOL_SIZE: "7",
    });
    const threads = nicenessOf(server.process.pid);
    await server.end("SIGTERM");
    const pool = threads.filter(([name]) => name === "libuv-worker");
    expect(pool).toEqual(Array.from({ length: 7 }, () => ["libuv-worker", 10]));
    const others = threads.filter(([name]) => name !== "libuv-worker");
    expect(others.length).toBeGreaterThan(1);
    for (const [, niceness] of others) expect(niceness).toBe(0);
  });
});
