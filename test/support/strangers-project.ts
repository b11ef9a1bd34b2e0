/** A project that the package is installed in. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_SETTINGS } from "./app.ts";
import { CHECKOUT } from "./copied-checkout.ts";
import { run, strangersEnvironment, tool } from "./installed-package.ts";

/** Type-checks a file of the project, declarations of others included. */
export async function checkTypes(project: string, file: string, moduleResolution: string) {
  const config = {
    compilerOptions: {
      target: "es2024",
      module: moduleResolution === "nodenext" ? "nodenext" : "esnext",
      moduleResolution,
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      typeRoots: [join(CHECKOUT, "node_modules/@types")],
      types: ["node"],
    },
    files: [file],
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
  return run(tool("tsc"), ["-p", "tsconfig.json"], project);
}

/** `npx sallyport serve` in the project, once it listens. */
export async function serveIn(project: string) {
  const server = spawn("npx", ["--no", "--", "sallyport", "serve"], {
    cwd: project,
    env: { ...strangersEnvironment(), ...TEST_SETTINGS, SALLYPORT_PORT: "0" },
    detached: true,
  });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    server.stderr.on("data", (data) => {
      said += data;
    });
    server.stdout.on("data", (data) => {
      const found = /^sallyport listening on (\S+)$/m.exec(String(data))?.[1];
      if (found !== undefined) resolve(found);
    });
    server.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  return {
    url,
    async stop() {
      // npx stands between: the signal goes to its whole group, as Ctrl-C would, and the pipes close with the last of it.
      const ended = once(server, "close");
      if (server.pid !== undefined) process.kill(-server.pid, "SIGTERM");
      await ended;
    },
  };
}
