/** How a server process ends. */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { request } from "node:http";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { eventually } from "../support/eventually.ts";
import { workOn } from "../support/folder.ts";
import { passwordOf } from "../support/people.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

async function start(settings: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await startServerProcess({ SALLYPORT_DATA_DIR: folder, ...settings });
  onTestFinished(() => void server.process.kill("SIGKILL"));
  return server;
}

/** The events that the server has logged, in order. */
function eventsOf(server: ServerProcess): readonly unknown[] {
  const lines = server.output().stderr.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line).event);
}

describe("A server that is told to stop", () => {
  it("finishes what is under way, exits with 0, and has said one line on standard output", async () => {
    const server = await start();
    const body = JSON.stringify({ username: "ada", password: passwordOf("ada") });
    const call = request(`${server.url}/sallyport.auth.v1.AuthService/Signup`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": body.length, expect: "100-continue" },
    });
    const answered = once(call, "response");
    call.flushHeaders();
    // The server has the call, and waits for its body.
    await once(call, "continue");
    const end = server.end("SIGTERM");
    await eventually(() => eventsOf(server)).toContain("stopping");
    call.end(body);
    const [response] = await answered;
    expect(await json(response)).toMatchObject({ user: { username: "ada" } });
    expect(await end).toEqual({ code: 0, signal: null });
    expect(server.output().stdout).toBe(`sallyport listening on ${server.url}\n`);
    expect(eventsOf(server)).toEqual(["keys_created", "database_made", "stopping", "user_created", "request"]);
    await expect(fetch(server.url)).rejects.toThrow();
    const users = await workOn(folder, ({ store }) =>
      store.read((db) => db.selectFrom("users").select("username").execute()),
    );
    expect(users).toEqual([{ username: "ada" }]);
  });

  it("goes on serving for the delay, as not ready; and at the second signal goes at once", async () => {
    const server = await start({ SALLYPORT_SHUTDOWN_DELAY_SECONDS: "300" });
    server.process.kill("SIGINT");
    await eventually(async () => (await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await server.end("SIGTERM")).toEqual({ code: 1, signal: null });
  });
});
