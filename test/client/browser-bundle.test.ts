/** The client in a page: what a bundler makes of it, and what the types of a page say to it. */
import { execFile } from "node:child_process";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";

const ROOT = join(import.meta.dirname, "../..");
const CLIENT = JSON.stringify(join(ROOT, "src/client/client.ts"));

const PAGE = `
import { createConnectTransport } from "@connectrpc/connect-web";
import { createBrowserStore, createSallyportClient, reasonOf } from ${CLIENT};

const transport = createConnectTransport({ baseUrl: "https://auth.example" });
export const client = createSallyportClient({ transport, store: createBrowserStore({ locks: navigator.locks, events: window }) });
export const orders = createConnectTransport({
  baseUrl: "https://orders.example",
  interceptors: [client.interceptor({ to: "https://orders.example", audience: "orders" })],
});
client.onChange((change) => {
  if (change.kind === "signed-out") document.title = change.reason;
  else document.title = change.session.user.username;
});
client.login({ identifier: "ada", password: "kites" }).catch((error: unknown) => {
  document.title = reasonOf(error)?.reason ?? "offline";
});
`;

let folder: string;

beforeAll(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, "page.ts"), PAGE);
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What becomes of an entry: its code, the modules in it, what it still imports, and what the bundler said. */
function modulesOfBundle(entry: string) {
  const script = `
    import { build } from "vite";
    const found = [];
    const output = await build({
      root: ${JSON.stringify(folder)}, configFile: false, logLevel: "silent",
      build: { write: false, minify: true, lib: { entry: ${JSON.stringify(entry)}, formats: ["es"] }, rollupOptions: { onLog: (_level, log) => found.push(log.message) } },
    });
    const [{ output: chunks }] = [output].flat();
    const code = chunks.map((chunk) => chunk.code ?? "").join("");
    const modules = chunks.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
    const imports = chunks.flatMap((chunk) => [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]);
    process.stdout.write(JSON.stringify({ code, modules, imports, found }));
  `;
  return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: ROOT,
    maxBuffer: 64 * 1024 * 1024,
  }).then(({ stdout }): { code: string; modules: string[]; imports: string[]; found: string[] } => JSON.parse(stdout));
}

/** What a module of Node is called in an import, with and without its scheme, and as bundlers stand in for it. */
const OF_NODE = new RegExp(`(^|[:\\\\0])(node:.*|__vite-browser-external.*|${builtinModules.join("|")})$`);

describe("The client, bundled for a browser,", () => {
  it("has no module of Node, imports nothing, and needs no stand-in", async () => {
    const { code, modules, imports, found } = await modulesOfBundle(join(folder, "page.ts"));
    expect(modules.filter((id) => OF_NODE.test(id) || id.includes("src/client/node/"))).toEqual([]);
    expect(imports).toEqual([]);
    expect(found.filter((message) => /extern|node:/.test(message))).toEqual([]);
    expect(modules.filter((id) => id.includes("/src/")).length).toBeGreaterThan(10);
    expect(code).toContain("localStorage");
    expect(code).not.toMatch(/\brequire\(|\bprocess\.(pid|platform)\b|\bBuffer\.from\b/);
  });

  it("would be found out if it had one", async () => {
    const entry = join(folder, "node-page.ts");
    writeFileSync(
      entry,
      `export { createFileStore } from ${JSON.stringify(join(ROOT, "src/client/node/file-store.ts"))};`,
    );
    const { modules } = await modulesOfBundle(entry);
    expect(modules.filter((id) => OF_NODE.test(id) || id.includes("src/client/node/"))).not.toEqual([]);
  });
});

describe("A page's own types", () => {
  const typed = (page: string) => {
    writeFileSync(join(folder, "typed.ts"), page);
    const compilerOptions = {
      ...{ target: "es2024", module: "esnext", moduleResolution: "bundler", lib: ["es2024", "dom"], types: [] },
      ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, allowImportingTsExtensions: true },
      // Those of the libraries are not ours to check, and what is ours is source here.
      skipLibCheck: true,
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    return promisify(execFile)(process.execPath, [tsc, "-p", folder], { cwd: folder }).catch((error: unknown) => {
      throw new Error(error instanceof Error && "stdout" in error ? String(error.stdout) : String(error));
    });
  };

  it("are all that the client needs, none of Node's", async () => {
    await expect(typed(PAGE)).resolves.toMatchObject({ stdout: "" });
  });

  it.each([
    ["a change without its kind", "client.onChange((change) => change.reason);", "Property 'reason' does not exist"],
    ["an interceptor that goes anywhere", 'client.interceptor({ audience: "orders" });', "'to' is missing"],
    ["a login without its names", 'client.login({ username: "ada" });', "'username' does not exist"],
    ["a session that may be none", "(await client.session()).user;", "possibly 'null'"],
  ])("find %s", async (_name, line, complaint) => {
    await expect(typed(`${PAGE}\n${line}\n`)).rejects.toThrow(complaint);
  });
});
