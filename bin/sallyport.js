#!/usr/bin/env node
// The entry, in plain old JavaScript: an old Node must be able to read it, because
// it dies without a word on the native modules that come after.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";

const major = Number(process.versions.node.split(".")[0]);
if (major !== 24 && major < 26) {
  process.stderr.write(
    `sallyport: Node ${process.versions.node} cannot run this; it takes Node 24, or 26 and newer.\n` +
      "In a checkout, `npm ci` brings one: start through npm (`npm start`, `npx sallyport …`).\n",
  );
  process.exit(69);
}

// Token work shares libuv's pool with password hashes and must never wait behind them: room for all
// hashes that may run at once, and as much again. The pool takes its size when it is first used.
const hashes = Math.max(availableParallelism(), Number(process.env.SALLYPORT_HASH_PERMITS) || 0);
process.env.UV_THREADPOOL_SIZE ??= String(hashes + Math.max(4, availableParallelism()));

const checkout = new URL("../src/main.ts", import.meta.url);
const installed = new URL("../dist/src/main.js", import.meta.url);
const { main } = await import((existsSync(checkout) ? checkout : installed).href);
await main(process.argv);
