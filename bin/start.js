// What the entry does on a Node that is new enough.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";

// While little is asked, most of what a call needs outlives a young collection, and V8 takes it for long-lived: from then
// on it makes the same objects of every call in the old generation, where only full collections find them dead.
setFlagsFromString("--no-allocation-site-pretenuring");

// Each HTTP/2 stream leaves a handle and some strings behind that only full collections take away, with all calls standing
// still. If they come more often, each is shorter (docs/decisions/0027).
setFlagsFromString("--heap-growing-percent=200");

// A call goes through many small functions, more than V8 puts into one as it compiles them; with more room a check takes
// some 3 % less of the processor (docs/decisions/0029).
setFlagsFromString("--max-inlined-bytecode-size=2000");
setFlagsFromString("--max-inlined-bytecode-size-cumulative=4000");

// Loading the program would make the young generation grow to 50 MB, and a process that is idle gives nothing of that
// back. It may grow when there are calls, for which a small one costs a fifth of their speed.
const LOADING_MS = 3000;
setFlagsFromString("--semi-space-growth-factor=1");
setTimeout(() => setFlagsFromString("--semi-space-growth-factor=2"), LOADING_MS).unref();

// Files and names are looked up in the same pool of libuv as passwords are hashed, and must never wait behind them: room
// for all hashes that may run at once, and as much again. The pool takes its size when it is first used.
const hashes = Math.max(availableParallelism(), Number(process.env.SALLYPORT_HASH_PERMITS) || 0);
process.env.UV_THREADPOOL_SIZE ??= String(hashes + Math.max(4, availableParallelism()));

const checkout = new URL("../src/main.ts", import.meta.url);
const installed = new URL("../dist/src/main.js", import.meta.url);
const { main } = await import((existsSync(checkout) ? checkout : installed).href);
await main(process.argv);
