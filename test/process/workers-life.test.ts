/** What becomes of workers, and of those who call, when processes die or are told to stop. */
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { scrape } from "../support/metrics.ts";
import { passwordOf } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import type { ServerProcess } from "../support/server-process.ts";
import {
  askAnew,
  childrenOf,
  linesOf,
  openLine,
  runs,
  startWorkers,
  type Workers,
} from "../support/worker-processes.ts";

/** Hashes get what others leave of the machine. */
const LONG = { timeout: 90_000 };
const SCRAPE_MS = 50;

let workers: Workers | null = null;
afterEach(async () => {
  await workers?.remove();
  workers = null;
});

async function start(more: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  workers = await startWorkers("SQLite", more);
  return workers.server;
}

const logged = (server: ServerProcess, event: string) => linesOf(server).filter((line) => line.event === event);

/** A signup of which the server has all but the body, on a connection of its own. */
async function beginSignup(url: string, username: string) {
  const body = JSON.stringify({ username, password: passwordOf(username) });
  const headers = { "content-type": "application/json", "content-length": body.length, expect: "100-continue" };
  const path = `${url}/sallyport.auth.v1.AuthService/Signup`;
  const call = request(path, { method: "POST", agent: false, headers });
  const answered = once(call, "response");
  call.flushHeaders();
  await once(call, "continue");
  return async () => {
    call.end(body);
    const [response] = await answered;
    return json(response);
  };
}

describe("A worker that is killed", () => {
  it("is replaced; whoever connects meanwhile is answered, and nothing that was counted is lost", async () => {
    const server = await start({ SALLYPORT_METRICS: "on" });
    const [first, second] = [await openLine(server), await openLine(server)];
    const metrics = () => scrape(`${server.url}/metrics`);
    const denied = 'sallyport_decisions_total{decision="denied",reason="TOKEN_INVALID"}';
    expect((await metrics()).value(denied)).toBe(2);
    const victim = childrenOf(server.process.pid)[0] ?? 0;
    let isOver = false;
    let answered = 0;
    const callOn = async () => {
      for (; !isOver; answered += 1) expect(await askAnew(`${server.url}/healthz`)).toBe(200);
    };
    process.kill(victim, "SIGKILL");
    const calls = Promise.all(Array.from({ length: 8 }, callOn));
    await eventually(() => logged(server, "worker_replaced")).toEqual([expect.objectContaining({ worker: 1 })]);
    isOver = true;
    await calls;
    expect(answered).toBeGreaterThan(8);
    expect(logged(server, "worker_ended")).toMatchObject([
      { worker: 1, pid: victim, signal: "SIGKILL", level: "error" },
    ]);
    expect(childrenOf(server.process.pid)).toHaveLength(2);
    first.close();
    second.close();
    // Whoever has fewer connections gets the next one: the new worker has none.
    const lines = [await openLine(server), await openLine(server)];
    expect(lines.map(({ worker }) => worker).sort()).toEqual([1, 2]);
    const figures = await metrics();
    expect(figures.value(denied)).toBe(4);
    expect(figures.value("sallyport_workers")).toBe(2);
    expect(figures.value("sallyport_workers_ended_total")).toBe(1);
    expect(figures.value("sallyport_ready")).toBe(1);
    for (const { close } of lines) close();
  });

  it("in good order, by a signal to it alone, finishes what it has, and is replaced", async () => {
    const server = await start();
    const finish = await beginSignup(server.url, "ada");
    const pids = childrenOf(server.process.pid);
    for (const pid of pids) process.kill(pid, "SIGTERM");
    await eventually(() => logged(server, "stopping")).toHaveLength(2);
    expect(await finish()).toMatchObject({ user: { username: "ada" } });
    await eventually(() => logged(server, "worker_replaced")).toHaveLength(2);
    expect(logged(server, "worker_ended")).toMatchObject([
      { level: "info", code: 0 },
      { level: "info", code: 0 },
    ]);
    expect(await askAnew(`${server.url}/readyz`)).toBe(200);
    expect(childrenOf(server.process.pid).filter((pid) => pids.includes(pid))).toEqual([]);
  });
});

describe("A service of several processes that is told to stop", () => {
  it("finishes what is under way in each of them, and exits with 0", async () => {
    const server = await start({ SALLYPORT_SHUTDOWN_DELAY_SECONDS: "3" });
    const names = ["ada", "bea", "cyd", "dan"];
    const finishes = await Promise.all(names.map((name) => beginSignup(server.url, name)));
    const lines = [await openLine(server), await openLine(server)];
    expect(lines.map(({ worker }) => worker).sort()).toEqual([1, 2]);
    let isStopping = false;
    const callOn = async ({ clients }: (typeof lines)[number]) => {
      let count = 0;
      for (; !isStopping; count += 1) await clients().auth.authorize({ accessToken: "none" });
      return count;
    };
    const calls = lines.flatMap((line) => [callOn(line), callOn(line), callOn(line)]);
    const end = server.end("SIGTERM");
    await eventually(() => logged(server, "stopping")).toHaveLength(2);
    await eventually(() => askAnew(`${server.url}/readyz`)).toBe(503);
    isStopping = true;
    for (const count of await Promise.all(calls)) expect(count).toBeGreaterThan(0);
    const answers = await Promise.all(finishes.map((finish) => finish()));
    expect(answers).toMatchObject(names.map((username) => ({ user: { username } })));
    expect(await end).toEqual({ code: 0, signal: null });
    await expect(askAnew(server.url)).rejects.toThrow("ECONNREFUSED");
  });

  it("ends at once, all of it, at the second signal", async () => {
    const server = await start({ SALLYPORT_SHUTDOWN_DELAY_SECONDS: "300" });
    const pids = childrenOf(server.process.pid);
    server.process.kill("SIGINT");
    await eventually(() => logged(server, "stopping")).toHaveLength(2);
    expect(await server.end("SIGTERM")).toEqual({ code: 1, signal: null });
    await eventually(() => pids.filter(runs)).toEqual([]);
  });
});

describe("Password hashes of several workers", () => {
  it("are no more at once than those of one process, and no more wait for their turn", LONG, async () => {
    const slow = { SALLYPORT_ARGON2_MEMORY_KIB: "16384", SALLYPORT_ARGON2_PASSES: "4" };
    const server = await start({ SALLYPORT_METRICS: "on", SALLYPORT_HASH_PERMITS: "1", ...slow });
    const lines = [await openLine(server), await openLine(server)];
    const logins = lines.flatMap(({ clients }) =>
      Array.from({ length: 20 }, () => refusalOf(clients().auth.login({ identifier: "nobody", password: "none" }))),
    );
    const outcomes = Promise.all(logins);
    let isOver = false;
    void outcomes.finally(() => {
      isOver = true;
    });
    let most = 0;
    let waited = 0;
    while (!isOver) {
      const figures = await scrape(`${server.url}/metrics`);
      most = Math.max(most, figures.value("sallyport_password_hashes_running"));
      waited = Math.max(waited, figures.value("sallyport_password_hashes_waiting"));
      await pause(SCRAPE_MS);
    }
    expect(most).toBe(1);
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThanOrEqual(18);
    const refused = (await outcomes).filter(({ reason }) => reason === "BUSY");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(40 - 18);
    const { value } = await scrape(`${server.url}/metrics`);
    expect(value("sallyport_password_hashes_refused_total")).toBe(refused.length);
    for (const { close } of lines) close();
  });
});

describe("A supervisor that is killed", () => {
  it("takes its workers with it, and the port is free", async () => {
    const server = await start();
    const pids = childrenOf(server.process.pid);
    const lines = [await openLine(server), await openLine(server)];
    expect(await server.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    await eventually(() => pids.filter(runs)).toEqual([]);
    expect(logged(server, "supervisor_gone")).toHaveLength(2);
    const other = createServer().listen(Number(new URL(server.url).port), "127.0.0.1");
    await once(other, "listening");
    other.close();
    for (const { close } of lines) close();
  });
});
