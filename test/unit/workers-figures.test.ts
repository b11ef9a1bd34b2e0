/** The figures of several processes as those of one. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { type AllFigures, createAllFigures } from "../../src/workers/all-figures.ts";

/** A process with figures, which answers when it is asked, or never. */
function createProcess() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    calls: new Counter({ name: "calls_total", help: "Calls.", labelNames: ["code"], registers }),
    times: new Histogram({ name: "seconds", help: "Times.", buckets: [1, 2], registers }),
    least: new Gauge({ name: "ready", help: "Ready.", aggregator: "min", registers }),
    most: new Gauge({ name: "age", help: "Age.", aggregator: "max", registers }),
    sum: new Gauge({ name: "memory", help: "Memory.", registers }),
  };
}

function join(all: () => AllFigures, { registry }: ReturnType<typeof createProcess>) {
  const worker = {
    ask: async (id: number) => all().answered(id, JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()))),
  };
  all().add(worker);
  return worker;
}

const start = () => createAllFigures(async () => []);

describe("The figures of all workers", () => {
  it("are sums of what was counted, and of each state what tells most", async () => {
    const all = start();
    const [one, two] = [createProcess(), createProcess()];
    join(() => all, one);
    join(() => all, two);
    one.calls.inc({ code: "OK" }, 2);
    two.calls.inc({ code: "OK" }, 3);
    two.calls.inc({ code: "INTERNAL" });
    one.times.observe(0.5);
    two.times.observe(1.5);
    one.least.set(1);
    two.most.set(7);
    one.most.set(2);
    one.sum.set(10);
    two.sum.set(20);
    const lines = (await all.read()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'calls_total{code="OK"} 5',
        'calls_total{code="INTERNAL"} 1',
        'seconds_bucket{le="1"} 1',
        'seconds_bucket{le="2"} 2',
        'seconds_bucket{le="+Inf"} 2',
        "seconds_sum 2",
        "seconds_count 2",
        "ready 0",
        "age 7",
        "memory 30",
      ]),
    );
    expect(lines.filter((line) => line.startsWith("# TYPE calls_total"))).toEqual(["# TYPE calls_total counter"]);
  });

  it("keep what a worker had counted when it was asked last, and forget its state", async () => {
    const all = start();
    const [dead, alive] = [createProcess(), createProcess()];
    const worker = join(() => all, dead);
    join(() => all, alive);
    dead.calls.inc({ code: "OK" }, 4);
    dead.times.observe(1.5);
    dead.sum.set(100);
    alive.sum.set(1);
    await all.read();
    all.remove(worker);
    alive.calls.inc({ code: "OK" });
    for (let times = 0; times < 2; times += 1) {
      const lines = (await all.read()).split("\n");
      expect(lines).toEqual(expect.arrayContaining(['calls_total{code="OK"} 5', "seconds_count 1", "memory 1"]));
    }
  });

  it("do not wait for a worker that ends instead of answering", async () => {
    const all = start();
    const silent = { ask: () => {} };
    all.add(silent);
    const alive = createProcess();
    join(() => all, alive);
    alive.calls.inc({ code: "OK" });
    const text = all.read();
    all.remove(silent);
    expect(await text).toContain('calls_total{code="OK"} 1');
  });

  it("count a worker that does not answer with what it told last", async () => {
    const all = start();
    const process = createProcess();
    let isStuck = false;
    const figures = async () => JSON.parse(JSON.stringify(await process.registry.getMetricsAsJSON()));
    const worker = {
      ask: async (id: number) => {
        if (!isStuck) all.answered(id, await figures());
      },
    };
    all.add(worker);
    process.calls.inc({ code: "OK" }, 3);
    await all.read();
    isStuck = true;
    expect(await all.read()).toContain('calls_total{code="OK"} 3');
  });
});
