/** Clients that others wrote: those that this machine has are run, the others are named at the end. */
import { defineConfig } from "vitest/config";
import { surveyMachine } from "./test/foreign/support/clients.ts";
import { POLLS } from "./test/support/polls.ts";

const { files, missing } = await surveyMachine();
const names = missing.map(({ name, why }) => `  ${name} (${why})\n`).join("");

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default defineConfig({
  test: {
    include: ["machine.test.ts", ...files].map((file) => `test/foreign/${file}`),
    globalSetup: ["test/support/run-folder.ts"],
    provide: { missing },
    reporters: [
      "default",
      { onTestRunEnd: () => void process.stdout.write(missing.length > 0 ? `\nNot run here:\n${names}` : "\n") },
    ],
    testTimeout: 30_000,
    hookTimeout: 300_000,
    expect: { poll: POLLS },
    pool: "forks",
    maxWorkers: 2,
  },
});
