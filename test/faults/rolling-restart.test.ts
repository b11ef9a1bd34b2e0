/** Three instances that are restarted one after the other, as an upgrade does it. */
import { randomBytes } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { eventually } from "../support/eventually.ts";
import { freePorts } from "../support/free-port.ts";
import { makePlace } from "../support/postgres.ts";
import { startServerProcess } from "../support/server-process.ts";
import { startBalancer } from "./support/balancer.ts";
import { createChance } from "./support/chance.ts";
import { FAULT_TEST_MS, scaled } from "./support/scale.ts";
import { createStockCallers } from "./support/stock-callers.ts";
import { startTraffic } from "./support/traffic.ts";

const CALLS_PER_SECOND = scaled({ full: 200, short: 25 });
const CALLERS_OF_EACH_KIND = 4;
const ROUNDS = scaled({ full: 20, short: 1 });

it(
  "No call fails while three instances behind a balancer are restarted one by one, if clients try once more where that is safe",
  async () => {
    const place = await makePlace();
    onTestFinished(() => place.remove());
    const settings = {
      SALLYPORT_DATABASE_URL: place.url,
      SALLYPORT_DATABASE_CONNECTIONS: "5",
      SALLYPORT_MASTER_KEY: randomBytes(32).toString("base64url"),
      SALLYPORT_DATA_DIR: "/nowhere/at/all",
      // While it waits, the balancer, which is a part of this process, must come to ask.
      SALLYPORT_SHUTDOWN_DELAY_SECONDS: scaled({ full: "1", short: "3" }),
      // Nobody is to be refused for being one of many.
      SALLYPORT_HASH_PERMITS: "16",
    };
    const ports = await freePorts(3);
    const start = (port: number) => startServerProcess({ ...settings, SALLYPORT_PORT: String(port) });
    const servers = await Promise.all(ports.map(start));
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server.end("SIGKILL")))));
    const balancer = await startBalancer(ports);
    onTestFinished(() => balancer.close());
    const callers = createStockCallers(balancer.port, CALLERS_OF_EACH_KIND);
    onTestFinished(() => {
      for (const { close } of callers) close();
    });

    const traffic = await startTraffic(callers, {
      perSecond: CALLS_PER_SECOND,
      chance: createChance("rolling restart"),
    });
    const ends: unknown[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, port] of ports.entries()) {
        ends.push(await servers[index]?.end("SIGTERM"));
        servers[index] = await start(port);
        await eventually(balancer.readyCount).toBe(ports.length);
      }
    }
    const { calls, retried, failures, worstMs } = await traffic.stop();
    process.stdout.write(
      `rolling restart: ${ends.length} restarts, ${calls} calls, ${retried} made twice, ${failures.length} failed; ` +
        `the slowest took ${Math.round(worstMs)} ms\n`,
    );
    expect(failures).toEqual([]);
    expect(ends).toEqual(ends.map(() => ({ code: 0, signal: null })));
    expect(calls).toBeGreaterThan(CALLS_PER_SECOND);
  },
  FAULT_TEST_MS,
);
