/** The page, built as an application would build it, and served from origins of its own. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { build } from "vite";
import { FOREIGN } from "./workshop.ts";

const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

/** Builds the page of that name into a folder. */
export async function buildPage(folder: string, name = "browser"): Promise<void> {
  const root = join(FOREIGN, name);
  const output = { outDir: folder, emptyOutDir: true, target: "es2024" };
  await build({ root, configFile: false, logLevel: "warn", build: output });
}

/** Serves a folder on a free port of loopback: an origin like no other. */
export async function servePage(folder: string) {
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://127.0.0.1");
    try {
      const file = join(folder, pathname === "/" ? "index.html" : pathname);
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream").end(readFileSync(file));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the page has no port");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
