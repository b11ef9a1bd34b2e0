/** The thread of {@link createStorm}. Loads nothing of ours: what it sends was made for it, so that it costs little itself. */
import { once } from "node:events";
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

type Orders = { readonly port: number; readonly connections: number; readonly scripts: readonly Uint8Array[] };

if (parentPort === null) throw new Error("this is a thread of somebody's");
const orders = parentPort;
const { port, connections, scripts }: Orders = workerData;
const PIECE_BYTES = 16 * 1024;
let isOver = false;
let cutOff = 0;

/** Sends a whole script on a connection of its own, however little of it is taken. */
async function visit(script: Uint8Array): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {}).resume();
  for (let at = 0; at < script.length && !socket.destroyed; at += PIECE_BYTES) {
    const isTaken = socket.write(script.subarray(at, at + PIECE_BYTES));
    if (!isTaken) await Promise.race([closed, once(socket, "drain").catch(() => {})]);
  }
  await Promise.race([closed, ordered]);
  if (socket.destroyed) cutOff += 1;
  socket.destroy();
}

const ordered = once(orders, "message").then(() => {
  isOver = true;
});

async function comeBack(): Promise<void> {
  for (let turn = 0; !isOver; turn += 1) await visit(scripts[turn % scripts.length] ?? new Uint8Array());
}

await Promise.all(Array.from({ length: connections }, comeBack));
orders.postMessage(cutOff);
