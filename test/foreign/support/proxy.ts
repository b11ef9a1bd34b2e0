/** Proxies of other makes, run by the configurations that stand in examples/ and nothing else. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "../../support/app.ts";
import { freePort } from "../../support/free-port.ts";
import { ROOT } from "./workshop.ts";

/** A proxy and its example. */
export type ProxyKind = {
  readonly name: string;
  /** Folder in examples/. */
  readonly example: string;
  /** The configuration in it. */
  readonly file: string;
  /** How the example's README starts it, in that folder. */
  readonly command: (folder: string) => readonly [program: string, ...args: string[]];
};

/** What the configuration has been changed to, and what it finds around it. */
export type Surroundings = {
  /** Where Sallyport is, `127.0.0.1:…`. */
  readonly sallyport: string;
  /** Where the application is. */
  readonly application: string;
  readonly edit?: (configuration: string) => string;
  readonly env?: Readonly<Record<string, string>>;
  /** More files beside the configuration. */
  readonly files?: Readonly<Record<string, string>>;
};

/** A proxy that listens. */
export type RunningProxy = { readonly url: string; readonly close: () => Promise<void> };

/** Starts a proxy by its example, whose addresses are replaced by those of the test. */
export async function startProxy(kind: ProxyKind, surroundings: Surroundings): Promise<RunningProxy> {
  const { sallyport, application, edit = (text) => text, env = {}, files = {} } = surroundings;
  const folder = temporaryFolder();
  // A proxy that is started by root reads pages as somebody else.
  chmodSync(folder, 0o755);
  cpSync(join(ROOT, "examples", kind.example), folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder, kind.file);
  const places = { "127.0.0.1:8080": sallyport, "127.0.0.1:8000": address, "127.0.0.1:9000": application };
  let text = edit(readFileSync(file, "utf8"));
  for (const [example, place] of Object.entries(places)) text = replaceThe(example, place, text);
  writeFileSync(file, text);
  const [program, ...args] = kind.command(folder);
  const own = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...own, ...env }, stdio: "pipe" });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (said += part));
  const ended = once(child, "close");
  while (!(await listens(`http://${address}`))) {
    if (child.exitCode !== null) throw new Error(`${kind.name} does not start:\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url: `http://${address}`,
    async close() {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Replaces a text that must be there. */
export function replaceThe(what: string, by: string, text: string): string {
  if (!text.includes(what)) throw new Error(`the example has no ${what}`);
  return text.replaceAll(what, by);
}

/** A request as an application behind the proxy got it. */
export type Arrived = {
  readonly method: string;
  readonly headers: IncomingMessage["headers"];
  /** Names as they were sent, each as often as it was. */
  readonly names: readonly string[];
  readonly body: string;
};

/** Starts an application that only notes what it gets. */
export async function startApplication() {
  const arrived: Arrived[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const names = request.rawHeaders.filter((_part, index) => index % 2 === 0);
    arrived.push({ method: request.method ?? "", headers: request.headers, names, body });
    response.end("the application");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${portOf(server.address())}`,
    arrived,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("a port was to be taken");
  return address.port;
}

async function listens(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.arrayBuffer().then(() => true),
    () => false,
  );
}
