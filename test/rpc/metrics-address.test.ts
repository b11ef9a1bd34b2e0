/** Where metrics are to be had, and where not. */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { createLog } from "../../src/log.ts";
import { startApp, TEST_SETTINGS, type TestApp, temporaryFolder } from "../support/app.ts";
import { scrape } from "../support/metrics.ts";

const apps: TestApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function start(settings: Record<string, string>): Promise<TestApp> {
  const app = await startApp({ settings });
  apps.push(app);
  return app;
}

/** Where an instance says that its metrics are. */
function metricsUrl(app: TestApp): string {
  return String(app.logged().find(({ event }) => event === "metrics_listening")?.url);
}

const OWN = { SALLYPORT_METRICS_ADDRESS: "127.0.0.1:0" };
const statusOf = async (url: string, init?: RequestInit) => (await fetch(url, init)).status;

describe("Metrics", () => {
  it("are nowhere unless a setting opens them", async () => {
    const app = await start({});
    expect(await statusOf(`${app.url}/metrics`)).toBe(404);
    expect(app.logged().filter(({ event }) => event === "metrics_listening")).toEqual([]);
  });

  it("are on the port itself if only switched on, as text for Prometheus that no cache keeps", async () => {
    const app = await start({ SALLYPORT_METRICS: "on" });
    const { headers } = await fetch(`${app.url}/metrics`);
    expect(headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(await (await fetch(`${app.url}/metrics`, { method: "HEAD" })).text()).toBe("");
    expect(await statusOf(`${app.url}/metrics`, { method: "POST" })).toBe(405);
  });

  it("are on an address of their own if they have one, and not on the port", async () => {
    const app = await start(OWN);
    expect(await statusOf(`${app.url}/metrics`)).toBe(404);
    expect((await scrape(metricsUrl(app))).value("sallyport_ready")).toBe(1);
  });

  it("are all that there is on that address, and can only be read", async () => {
    const url = metricsUrl(await start(OWN));
    expect(await statusOf(url, { method: "HEAD" })).toBe(200);
    expect(await statusOf(url, { method: "DELETE" })).toBe(405);
    expect(await statusOf(url, { method: "POST", body: "x" })).toBe(405);
    for (const path of ["/", "/healthz", "/metrics/", "/sallyport.auth.v1.AuthService/Login"])
      expect(await statusOf(new URL(path, url).href)).toBe(404);
  });

  it("stay there until the last call is answered, and then the address is free", async () => {
    const app = await startApp({ settings: { ...OWN, SALLYPORT_SHUTDOWN_DELAY_SECONDS: "3" } });
    const url = metricsUrl(app);
    const closed = app.close();
    expect((await scrape(url)).value("sallyport_ready")).toBe(1);
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });

  it("keep no stop waiting for a scraper that hangs on", async () => {
    const app = await startApp({ settings: OWN });
    const { port, hostname } = new URL(metricsUrl(app));
    const socket = connect(Number(port), hostname).on("error", () => {});
    await once(socket, "connect");
    socket.write("GET /metrics HTTP/1.1\r\n");
    // By a reset too, if the bytes are still unread: once() would take that for a failure.
    const cut = new Promise((resolve) => socket.once("close", resolve));
    await app.close();
    expect(await cut).toEqual(expect.any(Boolean));
  });

  it("whose address is taken keep the service from starting, and the error names the setting", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? address?.port : null;
    const dataDir = temporaryFolder();
    const settings = { ...TEST_SETTINGS, SALLYPORT_DATA_DIR: dataDir, SALLYPORT_METRICS_ADDRESS: `127.0.0.1:${port}` };
    const log = createLog({ level: "silent" });
    const app = await createApp({ config: readConfig(settings), log, clock: systemClock, random: systemRandom });
    await expect(app.listen()).rejects.toThrow(/SALLYPORT_METRICS_ADDRESS.*EADDRINUSE/);
    await app.close();
    other.close();
    rmSync(dataDir, { recursive: true });
  });
});
