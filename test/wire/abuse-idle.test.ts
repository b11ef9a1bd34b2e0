/** Thousands of connections that only take up room. */
import { execFileSync } from "node:child_process";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { atBest, ORDINARY, ordinaryIfQuiet, startAbusedServer, whileServing } from "../support/abuse.ts";
import { PREFACE, settingsFrame } from "../support/http2-frames.ts";

const WANTED = 5_000;
/** Descriptors that this process and the server need for other things. */
const OTHER_DESCRIPTORS = 500;
/** Opened at once: no more than the system queues for a server that is busy. */
const BATCH = 200;
/** What a connection may cost while nothing is asked on it. */
const KILOBYTES_EACH = 64;

/** How many files this machine lets a process open. */
const LIMIT = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
const AFFORDABLE = LIMIT === "unlimited" ? WANTED : Number(LIMIT) - OTHER_DESCRIPTORS;
const CONNECTIONS = Math.min(WANTED, AFFORDABLE);
const LESS = CONNECTIONS < WANTED ? ` (not ${WANTED}: a process may open ${LIMIT} files here)` : "";

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

test(`${CONNECTIONS} idle connections${LESS} keep nobody from being served, nor the server from stopping`, async () => {
  const server = await startAbusedServer();
  const sockets: Socket[] = [];
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  const opening = await whileServing(server, async () => {
    while (sockets.length < CONNECTIONS) {
      const batch = Array.from({ length: Math.min(BATCH, CONNECTIONS - sockets.length) }, (_, index) =>
        idle(server.port, MANNERS[index % MANNERS.length] ?? ""),
      );
      sockets.push(...(await Promise.all(batch)));
    }
  });
  const staying = await atBest(ORDINARY, () => whileServing(server, () => pause(700)));
  expect(sockets).toHaveLength(CONNECTIONS);
  expect(opening.slowedBy).toBeLessThan(ordinaryIfQuiet());
  expect(staying.slowedBy).toBeLessThan(ORDINARY);
  expect((opening.grownMegabytes * 1024) / CONNECTIONS).toBeLessThan(KILOBYTES_EACH);
  const closed = Promise.all(
    sockets.map((socket) => socket.closed || new Promise((resolve) => socket.once("close", resolve))),
  );
  expect(await server.stop()).toEqual({ code: 0, noise: "" });
  await closed;
});
