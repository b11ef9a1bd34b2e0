/** A disk that is full at the start, and one that fills up later. */
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { failedStart } from "../support/bad-start.ts";
import { clientsOf } from "../support/clients.ts";
import { verdictOf } from "../support/decisions.ts";
import { eventually } from "../support/eventually.ts";
import { logIn, signUp, welcome } from "../support/people.ts";
import { refusalOf } from "../support/refusals.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";
import { makeSmallDisk, type SmallDisk } from "../support/small-disk.ts";

let disk: SmallDisk;
beforeEach(() => {
  disk = makeSmallDisk();
});
afterEach(() => disk.remove());

const settings = () => ({ SALLYPORT_DATA_DIR: disk.folder });

async function start() {
  const server = await startServerProcess(settings(), disk.under);
  onTestFinished(() => void server.process.kill("SIGKILL"));
  return server;
}

describe("A disk that is full", () => {
  it("keeps a server from its first start, with plain words; with room it starts, on the same folder", async () => {
    disk.fill();
    expect(await failedStart(settings(), disk.under)).toMatch(/ disk is full|its disk is full or broken/);
    disk.free();
    const server = await start();
    await welcome(server, "ada");
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  it("does not pass for a refusal: commands say what is wrong, and change nothing", async () => {
    const server = await start();
    await signUp(server, "ada");
    await server.end("SIGTERM");
    disk.fill();
    const { code, stdout, stderr } = await runCommand(["users", "disable", "ada"], settings(), "", disk.under);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sallyport: \S+sallyport\.db cannot .*disk is full/);
    disk.free();
    const shown = await runCommand(["users", "show", "ada"], settings(), "", disk.under);
    expect(JSON.parse(shown.stdout)).toMatchObject({ state: "active" });
  });
});

describe("A disk that fills up under a server", () => {
  it("makes every change UNAVAILABLE and no check wrong; with room all goes on, and what was said holds", async () => {
    const server = await start();
    const { pid } = server.process;
    const { auth } = clientsOf(server.url);
    const { tokens } = await welcome(server, "ada");
    disk.fill(pid);
    // What was reserved before may still take a few.
    await eventually(() => signUp(server, crypto.randomUUID()).then(String, ({ rawMessage }) => rawMessage)).toMatch(
      /wait and retry/,
    );
    const logout = () => auth.logout({ refreshToken: tokens.refreshToken });
    for (const change of [() => signUp(server, "bob"), () => logIn(server, "ada"), logout]) {
      expect(await refusalOf(change())).toMatchObject({ code: "Unavailable", reason: "UNAVAILABLE" });
    }
    expect(verdictOf(await auth.authorize({ accessToken: tokens.accessToken }))).toBe("GRANTED");
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    disk.free(pid);
    await eventually(() => signUp(server, "bob").then(() => "signed up", String)).toBe("signed up");
    await logout();
    expect(verdictOf(await auth.authorize({ accessToken: tokens.accessToken }))).toBe("SESSION_REVOKED, LOG_IN");
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
    const again = await start();
    expect((await logIn(again, "bob")).tokens.user?.username).toBe("bob");
    expect(await again.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
