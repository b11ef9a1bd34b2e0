/** The fault suite at its full length; `npm test` runs the same files in their short form. */
import { defineConfig } from "vitest/config";
import { POLLS } from "./test/support/polls.ts";

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    globalSetup: ["test/support/run-folder.ts"],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    expect: { poll: POLLS },
    pool: "forks",
    // Each file puts the machine under load of its own, and measures how long refusals and recoveries take.
    maxWorkers: 1,
    env: { SALLYPORT_TEST_FAULTS: "full" },
  },
});
