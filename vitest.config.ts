import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { POLLS } from "./test/support/polls.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/foreign/**"],
    globalSetup: ["test/support/run-folder.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: POLLS },
    pool: "forks",
    maxWorkers: 2,
    // Hundreds of tests start the command; it is compiled once for all of them.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "sallyport-test-compile-cache") },
    // Nothing keeps state of its own in a module, and loading everything anew for each file takes half the time.
    isolate: false,
  },
});
