/** Thousands of connections that only take up room. */
import { execFileSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startAbusedServer, whileServing } from "../support/abuse.ts";
import { PREFACE, settingsFrame } from "../support/http2-frames.ts";

const CONNECTIONS = 5_000;
/** Descriptors that this process and the server need for other things. */
const OTHER_DESCRIPTORS = 500;
/** Opened at once: no more than the system queues for a server that is busy. */
const BATCH = 200;
/** What a connection may cost while nothing is asked on it. */
const KILOBYTES_EACH = 64;

/** As many as that, or as many as this machine lets a process open, with both ends on it. */
function affordable(): number {
  const limit = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return limit === "unlimited" ? CONNECTIONS : Math.min(CONNECTIONS, Number(limit) - OTHER_DESCRIPTORS);
}

/** Connects, says something or nothing, and hears whether that is answered. */
function idle(port: number, bytes: Uint8Array | string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => {
      if (bytes.length === 0) resolve(socket);
      else socket.write(bytes);
    });
    socket.once("data", () => resolve(socket)).on("error", reject);
  });
}

const GET = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const MANNERS = ["", GET, `${GET}GET / HTTP/1.1\r\nHalf`, Buffer.concat([PREFACE, settingsFrame()])];

test("five thousand idle connections keep nobody from being served, nor the server from stopping", async () => {
  const server = await startAbusedServer();
  const sockets: Socket[] = [];
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  const count = affordable();
  const opening = await whileServing(server, async () => {
    while (sockets.length < count) {
      const batch = Array.from({ length: Math.min(BATCH, count - sockets.length) }, (_, index) =>
        idle(server.port, MANNERS[index % MANNERS.length] ?? ""),
      );
      sockets.push(...(await Promise.all(batch)));
    }
  });
  const staying = await whileServing(server, () => pause(500));
  expect(sockets).toHaveLength(count);
  expect(Math.min(...opening.answers, ...staying.answers)).toBeGreaterThan(0);
  expect((opening.grownMegabytes * 1024) / count).toBeLessThan(KILOBYTES_EACH);
  const closed = Promise.all(
    sockets.map((socket) => socket.closed || new Promise((resolve) => socket.once("close", resolve))),
  );
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
  await closed;
});
