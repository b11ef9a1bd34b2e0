import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccountService } from "../../gen/sallyport/auth/v1/account_service_pb.ts";
import { AuthService } from "../../gen/sallyport/auth/v1/auth_service_pb.ts";
import { freePort } from "../support/free-port.ts";
import { cleanEnvironment, hasProgram, linkedCheckout } from "../support/newcomer.ts";
import { type Block, jsonValues, readmeBlocks, stepsOf, withoutAccidents } from "../support/readme.ts";

// What is noted as an excerpt is compared with the file that it is from: readme-excerpts.test.ts.
const [start, ...tour] = readmeBlocks().filter(({ language, note }) => language !== "mermaid" && note !== "excerpt");
const hasGrpcurl = hasProgram("grpcurl");

let folder: string;
let port: number;
let server: ChildProcess;
let said = "";

beforeAll(async () => {
  folder = linkedCheckout();
  port = await freePort();
  server = spawn("bash", ["-c", afterInstall(start)], {
    cwd: folder,
    env: { ...cleanEnvironment(), SALLYPORT_PORT: String(port), SALLYPORT_ALLOWED_ORIGINS: "http://localhost:5173" },
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    server.stdout?.on("data", (data) => {
      said += data;
      if (said.includes("listening")) resolve();
    });
    server.once("exit", (code) => reject(new Error(`npm start ended with ${code}`)));
  });
});

afterAll(async () => {
  const ended = once(server, "exit");
  // npm stands between: the signal goes to its whole group, as Ctrl-C would.
  if (server.pid !== undefined) process.kill(-server.pid, "SIGTERM");
  await ended;
  rmSync(folder, { recursive: true });
});

describe("The README", () => {
  it("starts the service with the command that it gives, and shows the line that is printed", () => {
    const [shown] = tour;
    expect(said.split("\n")).toContain(shown?.text.trim().replace("8080", String(port)));
  });

  it("is a tour that runs as it stands, with the outputs that it shows", async () => {
    for (const { block, shown } of stepsOf(tour.slice(1), ["sh", "ts"])) {
      if (block.note === "grpcurl") checkGrpcurl(block);
      const { stdout } = await run(block);
      for (const output of shown.filter(({ language }) => language === "text")) expect(stdout).toBe(output.text);
      const values = shown.filter(({ language }) => language === "json").flatMap(({ text }) => jsonValues(text));
      if (values.length > 0) expect(jsonValues(stdout).map(withoutAccidents)).toEqual(values.map(withoutAccidents));
    }
  });
});

/** Runs a block where the blocks before it ran: variables live on in a file. Passwords are typed on standard input. */
async function run({ language, note, text }: Block): Promise<{ readonly stdout: string }> {
  if (note === "grpcurl" && !hasGrpcurl) return { stdout: "" };
  const here = text.replaceAll("8080", String(port));
  if (language === "ts") writeFileSync(join(folder, "page.ts"), here);
  const commands = language === "ts" ? "npx node page.ts" : here;
  const script = `set -euo pipefail; touch variables; source ./variables\n${commands}\ndeclare -p ACCESS_TOKEN REFRESH_TOKEN > variables 2>/dev/null || true\n`;
  const running = promisify(execFile)("bash", ["-c", script], { cwd: folder, env: cleanEnvironment() });
  running.child.stdin?.end("lovelace writes the first program\n");
  return running;
}

/** Where there is no grpcurl, its commands at least name methods that exist, on this address. */
function checkGrpcurl({ text }: Block): void {
  const [, service, method] = /127\.0\.0\.1:8080 ([\w.]+)\/(\w+)\s*$/.exec(text) ?? [];
  const known = [AuthService, AccountService].find(({ typeName }) => typeName === service);
  expect(known?.methods.map(({ name }) => name)).toContain(method);
}

/** The start without the install, which this very run stands on. */
function afterInstall(block: Block | undefined): string {
  const command = /^npm ci && (npm start)$/.exec(block?.text.trim() ?? "")?.[1];
  if (command === undefined) throw new Error("the README does not begin with `npm ci && npm start`");
  return command;
}
