/** Starts of several processes that fail: told once, as a single process would tell it. */
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { workOn } from "../support/folder.ts";
import { scrape } from "../support/metrics.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";
import { childrenOf, linesOf, openLine, startWorkers } from "../support/worker-processes.ts";

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

const serve = (settings: Readonly<Record<string, string>>, args: readonly string[] = []) =>
  runCommand(["serve", ...args], { SALLYPORT_DATA_DIR: folder, SALLYPORT_WORKERS: "2", ...settings });

/** The lines that are not of the log. */
const said = (stderr: string) => stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));

async function withPortTaken<T>(work: (port: string) => Promise<T>): Promise<T> {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
  const address = squatter.address();
  try {
    return await work(String(typeof address === "object" ? address?.port : ""));
  } finally {
    squatter.close();
  }
}

describe("Several processes that cannot start", () => {
  it("say once that the port is taken", async () => {
    await withPortTaken(async (port) => {
      const { code, stdout, stderr } = await serve({ SALLYPORT_PORT: port });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(said(stderr)).toEqual([
        expect.stringMatching(
          `^sallyport: cannot listen on 127.0.0.1 port ${port}: another process does; stop that one`,
        ),
      ]);
      expect(stderr.match(/"database_made"/g)).toHaveLength(1);
    });
  });

  it("say once that the address of the metrics is taken", async () => {
    await withPortTaken(async (port) => {
      const { code, stdout, stderr } = await serve({ SALLYPORT_METRICS_ADDRESS: `127.0.0.1:${port}` });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(said(stderr)).toEqual([expect.stringMatching(/^sallyport: cannot listen on SALLYPORT_METRICS_ADDRESS/)]);
    });
  });

  it("say once that the master key does not fit", async () => {
    await workOn(folder, async () => {});
    const { code, stdout, stderr } = await serve({ SALLYPORT_MASTER_KEY: "A".repeat(43) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(said(stderr)).toEqual([expect.stringMatching(/^sallyport: the database's keys are encrypted under /)]);
  });

  it.each([
    ["SALLYPORT_WORKERS", "0"],
    ["SALLYPORT_WORKERS", "many"],
    ["SALLYPORT_WORKERS", ""],
    ["SALLYPORT_NOTHING", "x"],
  ])("say once that %s cannot be '%s'", async (name, value) => {
    const { code, stdout, stderr } = await serve({ [name]: value });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(said(stderr)).toEqual(["sallyport: the settings are wrong:", expect.stringContaining(`  ${name}: `)]);
  });

  it("are not started by hand, one by one", async () => {
    const { code, stdout, stderr } = await serve({}, ["--worker", "1"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(said(stderr)).toEqual([expect.stringMatching(/set SALLYPORT_WORKERS instead$/)]);
  });
});

describe("Metrics of several processes", () => {
  it("are on one address, which only the supervisor has, and are those of all", async () => {
    const { server, remove } = await startWorkers("SQLite", { SALLYPORT_METRICS_ADDRESS: "127.0.0.1:0" });
    onTestFinished(remove);
    const lines = [await openLine(server), await openLine(server)];
    const told = linesOf(server).filter(({ event }) => event === "metrics_listening");
    expect(told).toHaveLength(1);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    for (const { clients, worker } of lines) {
      for (let times = 0; times < worker; times += 1) await clients().auth.authorize({ accessToken: "none" });
    }
    const figures = await scrape(String(told[0]?.url));
    // One by each line as it was opened, and one and two since.
    const rpc = "sallyport.auth.v1.AuthService/Authorize";
    expect(figures.value(`sallyport_requests_total{rpc="${rpc}",code="OK"}`)).toBe(5);
    expect(figures.value(`sallyport_request_duration_seconds_count{rpc="${rpc}"}`)).toBe(5);
    expect(figures.value(`sallyport_request_duration_seconds_bucket{le="+Inf",rpc="${rpc}"}`)).toBe(5);
    expect(figures.value("sallyport_workers")).toBe(2);
    expect(figures.value("sallyport_ready")).toBe(1);
    expect(figures.value("sallyport_log_revision")).toBe(1);
    expect(figures.value("sallyport_log_as_of_age_seconds")).toBeLessThan(10);
    expect(figures.seriesOf("sallyport_build_info")).toHaveLength(1);
    expect(figures.value(figures.seriesOf("sallyport_build_info")[0] ?? "")).toBe(1);
    for (const { close } of lines) close();
    const page = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8");
    const named = (from: string, to: string) =>
      [...page.slice(page.indexOf(from), page.indexOf(to)).matchAll(/^\| `(\w+)/gm)].map(([, name]) => name);
    const there = [...figures.text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
    const documented = [...named("## Workers", "## Health states"), ...named("## Metrics", "## Traces")];
    expect(there.sort()).toEqual(documented.sort());
  });
});

describe("A service with the default of one", () => {
  it("is one process, whose log tells of no worker", async () => {
    const server = await startServerProcess({ SALLYPORT_DATA_DIR: folder });
    onTestFinished(() => void server.process.kill("SIGKILL"));
    expect(childrenOf(server.process.pid)).toEqual([]);
    await fetch(`${server.url}/healthz`);
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(linesOf(server).filter((line) => "worker" in line)).toEqual([]);
  });
});
