import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/foreign/**"],
    globalSetup: ["test/support/run-folder.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Patient, since other tests share the machine.
    expect: { poll: { timeout: 15_000, interval: 20 } },
    pool: "forks",
    maxWorkers: 2,
    // Hundreds of tests start the command; it is compiled once for all of them.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "sallyport-test-compile-cache") },
    // Nothing keeps state of its own in a module, and loading everything anew for each file takes half the time.
    isolate: false,
  },
});
