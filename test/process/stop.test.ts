/** How a server process ends. */
import { rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { clientsOf } from "../support/clients.ts";
import { logIn, passwordOf } from "../support/people.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const start = (settings: Readonly<Record<string, string>> = {}) =>
  startServerProcess({ SALLYPORT_DATA_DIR: folder, ...settings });

/** What the server has logged, in order. */
function linesOf(server: ServerProcess): readonly Record<string, unknown>[] {
  const { stderr } = server.output();
  return stderr.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

describe("A server that is told to stop", () => {
  it("finishes what is under way, exits with 0, and has said one line on standard output", async () => {
    // A hash that takes long enough for the signal to come in the middle of it.
    const server = await start({ SALLYPORT_ARGON2_MEMORY_KIB: "131072", SALLYPORT_ARGON2_PASSES: "6" });
    const signup = clientsOf(server.url).auth.signup({ username: "ada", password: passwordOf("ada") });
    await pause(100);
    const end = server.end("SIGTERM");
    expect((await signup).user?.username).toBe("ada");
    expect(await end).toEqual({ code: 0, signal: null });
    expect(server.output().stdout).toBe(`sallyport listening on ${server.url}\n`);
    const lines = linesOf(server);
    const stopping = lines.findIndex(({ event }) => event === "stopping");
    const signedUp = lines.findIndex(({ rpc }) => rpc === "sallyport.auth.v1.AuthService/Signup");
    expect(stopping, "the signal came while the signup was under way").toBeLessThan(signedUp);
    expect(stopping).toBeGreaterThan(-1);
    await expect(fetch(server.url)).rejects.toThrow();
    const again = await start();
    expect((await logIn(again, "ada")).userId).toMatch(/^usr_/);
    expect(await again.end("SIGINT")).toEqual({ code: 0, signal: null });
  });

  it("goes on serving for the delay, as not ready; and at the second signal goes at once", async () => {
    const server = await start({ SALLYPORT_SHUTDOWN_DELAY_SECONDS: "300" });
    server.process.kill("SIGINT");
    await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await server.end("SIGTERM")).toEqual({ code: 1, signal: null });
  });
});
