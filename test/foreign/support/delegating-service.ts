/** A service of another make that leaves "may this caller?" to Sallyport, as its example in examples/ does it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { Core } from "../../../src/core.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { addUser, workOn } from "../../support/folder.ts";
import { packedPackage } from "../../support/installed-package.ts";
import { endless } from "../../support/patience.ts";
import { passwordOf } from "../../support/people.ts";
import { blocksOf } from "../../support/readme.ts";
import { methodOf, type Service } from "./grpc-js.ts";
import { mustRun } from "./programs.ts";
import { ROOT } from "./workshop.ts";

/** An example and how it is run. */
export type ExampleService = {
  readonly name: string;
  /** Folder in examples/. */
  readonly example: string;
  /** Lays into the folder what others share already, so that it is not downloaded again. */
  readonly prepare: (folder: string) => void;
  /** The commands of the README that `prepare` makes needless. */
  readonly needless: RegExp;
  /** The command of the README that starts it, in its folder. */
  readonly command: readonly [program: string, ...args: string[]];
};

/** What following an example leaves behind, in a checkout where somebody did. */
const LEFT_BEHIND = /^(gen|venv|buf|sallyport|orders|api-key|__pycache__)$/;

/** Lays the example beside the packed package, as a checkout has them after `npm pack`. */
export async function layOut(kind: ExampleService, folder: string): Promise<string> {
  const { tarball } = await packedPackage();
  cpSync(tarball, join(folder, basename(tarball)));
  const own = join(folder, "examples", kind.example);
  const from = join(ROOT, "examples", kind.example);
  const isSource = (path: string) => !LEFT_BEHIND.test(basename(path)) || path === join(from, "proto/orders");
  cpSync(from, own, { recursive: true, filter: isSource });
  kind.prepare(own);
  return own;
}

/** Follows the example's README up to where services are started. */
export async function build({ needless }: ExampleService, folder: string): Promise<void> {
  const blocks = blocksOf(readFileSync(join(folder, "README.md"), "utf8"));
  const commands = blocks.filter(({ language, note }) => language === "sh" && note === "").map(({ text }) => text);
  for (const command of commands.filter((text) => !needless.test(text)))
    await mustRun("bash", ["-euo", "pipefail", "-c", command], { cwd: folder });
}

/** A service that listens. */
export type RunningService = {
  /** `127.0.0.1:…` */
  readonly address: string;
  /** What it has logged. */
  readonly log: () => string;
  readonly close: () => Promise<void>;
};

/** Starts the service. @throws Error with what it said, if it ends before it listens. */
export async function startService(
  { command: [program, ...args] }: ExampleService,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningService> {
  const own = { ...process.env, ORDERS_ADDRESS: "127.0.0.1:0", PYTHONDONTWRITEBYTECODE: "1", ...env };
  const child = spawn(join(folder, program), args, { cwd: folder, env: own, stdio: "pipe" });
  let said = "";
  let logged = "";
  const ended = once(child, "close");
  child.stderr.setEncoding("utf8").on("data", (text) => {
    logged += text;
  });
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
      const found = /^orders listening on (\S+)\n/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(`the service does not start:\n${said}${logged}`)));
  });
  return {
    address,
    log: () => logged,
    async close() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const anHourAgo = () => createFakeClock(Date.now() - 3_600_000);

/** People and a service credential of an hour ago, in a data folder that no server has opened yet. */
export async function populate(dataDir: string, settings: Readonly<Record<string, string>>) {
  await addUser(dataDir, "ada", ["admin"], settings, anHourAgo());
  await addUser(dataDir, "alice", ["user"], settings, anHourAgo());
  const create = ({ services }: Core) => services.create("orders", [], null);
  const { apiKey } = await workOn(dataDir, create, settings, anHourAgo());
  return { apiKey };
}

/** Logs in an hour ago: a token that has expired, in a session that can be refreshed. To be done before a server starts. */
export async function logInAnHourAgo(dataDir: string, username: string, settings: Readonly<Record<string, string>>) {
  const login = { identifier: username, password: passwordOf(username), audiences: ["orders"], deviceName: "" };
  return workOn(dataDir, (core) => core.login(login, endless), settings, anHourAgo());
}

/** Reads a stream of the server's to its end: the messages, and the error if there was one. */
export function readStream(client: Client, service: Service, name: string, token: string | null) {
  const { path, requestSerialize, responseDeserialize } = methodOf(service, name);
  const metadata = new Metadata();
  if (token !== null) metadata.set("authorization", `Bearer ${token}`);
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, metadata);
  const messages: object[] = [];
  stream.on("data", (message) => messages.push(message));
  return new Promise<{ messages: readonly object[]; error: ServiceError | null }>((resolve) => {
    stream.on("error", (error: ServiceError) => resolve({ messages, error }));
    stream.on("end", () => resolve({ messages, error: null }));
  });
}
