/** examples/browser, from the packed package: generated, type-checked, bundled and served. test/foreign runs it in Chromium. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyExamples } from "../support/example-projects.ts";
import { followReadme, openTerminal, type Served, type Terminal } from "../support/example-terminal.ts";
import { freePort } from "../support/free-port.ts";

let parent: string;
let terminal: Terminal;
let port: number;
let server: Served | undefined;

beforeAll(async () => {
  // The page is generated from the proto of the service that it calls.
  parent = await copyExamples(["browser", "connect-service"]);
  const folder = join(parent, "browser");
  port = await freePort();
  terminal = openTerminal(folder, { VITE_AUTH_URL: "https://auth.example" });
  const adapt = (command: string) => command.replace("npm start", `npm start -- --port ${port}`);
  [server] = (await followReadme(folder, terminal, adapt)).servers;
}, 240_000);

afterAll(async () => {
  await terminal?.close();
  if (parent !== undefined) rmSync(parent, { recursive: true });
});

/** What the page's origin answers. */
async function fetchText(path: string): Promise<string> {
  const answer = await fetch(new URL(path, `http://127.0.0.1:${port}`));
  expect(answer.status).toBe(200);
  return answer.text();
}

describe("The example browser", () => {
  it("is served by the commands of its README", async () => {
    expect(server?.said()).toContain(`http://127.0.0.1:${port}/`);
    expect(await fetchText("/")).toMatch(/<script type="module" crossorigin src="\/assets\/[\w-]+\.js">/);
  });

  it("is one script that imports nothing, and calls where it was built for", async () => {
    const [, script = ""] = /src="(\/assets\/[^"]+)"/.exec(await fetchText("/")) ?? [];
    const code = await fetchText(script);
    expect(code).not.toMatch(/\bimport\b\s*["'{(*]/);
    expect(code).toContain("https://auth.example");
    expect(code).toContain("http://127.0.0.1:8081");
  });

  it("has types that find a mistake", async () => {
    const mistake = "s/identifier: username/username/";
    await expect(terminal.run(`sed -i '${mistake}' page.ts && npx tsc`)).rejects.toThrow("'username' does not exist");
  });
});
