/**
 * Keeps a PostgreSQL server for as long as standard input stays open: when whoever started this dies, however, the
 * server ends and its data goes. Says its URL in a line, then obeys `kill`, `crash`, `start` and `demote`, each answered
 * by `done`.
 */
import { createInterface } from "node:readline";
import { makeCluster } from "./postgres-cluster.ts";

// An interrupt at the terminal reaches everybody; the end of the input tells when it is time.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const cluster = await makeCluster({ isDurable: process.argv.includes("durable") });
process.stdout.write(`${cluster.url}\n`);
for await (const command of createInterface({ input: process.stdin })) {
  if (command === "kill") await cluster.kill();
  if (command === "crash") await cluster.crash();
  if (command === "start") await cluster.start();
  if (command === "demote") await cluster.demote();
  process.stdout.write("done\n");
}
await cluster.remove();
