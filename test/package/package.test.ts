/** The package that strangers install: what is in it, and that it works where nothing of the checkout is. */
import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { CHECKOUT } from "../support/copied-checkout.ts";
import { MANIFEST, type Packed, packedPackage, run, tool } from "../support/installed-package.ts";
import { installInto } from "../support/locked-install.ts";
import { anchorsOf, localLinksOf } from "../support/markdown.ts";
import { CLIENT, GUARDED, ORDERS, PERSON } from "../support/strangers-programs.ts";
import { checkTypes, serveIn } from "../support/strangers-project.ts";

const MEBIBYTE = 2 ** 20;
/** Every kind of file that belongs into the package. */
const EXPECTED = [
  /^(package\.json|LICENSE|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md)$/,
  /^docs\/[\w/.-]+\.md$/,
  /^bin\/(sallyport|start)\.js$/,
  /^dist\/(src|gen)\/[\w/.-]+\.(js|d\.ts)$/,
  /^dist\/proto\/[\w/]+\.proto$/,
  /^dist\/sallyport\.binpb$/,
];

/** The libraries, for those who sign in and for those who guard; the last one is for those who have grpc-js. */
const LIBRARIES = ["client", "client/node", "verifier", "verifier/connect"].map((name) => `sallyport/${name}`);
const FOR_GRPC_JS = "sallyport/verifier/grpc";

let folder: string;
let packed: Packed;
let project: string;

beforeAll(async () => {
  folder = temporaryFolder();
  packed = await packedPackage();
  project = join(folder, "project");
  await installInto(project, packed.tarball);
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe("The packed package", () => {
  it("holds what was built, the entry and the documents, and nothing else", () => {
    expect(packed.files.filter((path) => !EXPECTED.some((kind) => kind.test(path)))).toEqual([]);
    expect(packed.files).toEqual(
      expect.arrayContaining(["LICENSE", "README.md", "CHANGELOG.md", "bin/sallyport.js", "dist/sallyport.binpb"]),
    );
  });

  it("holds every module of the source once, and none that is gone", () => {
    const sources = globSync("{src,gen}/**/*.ts", { cwd: packed.sources }).map((file) => file.replace(/\.ts$/, ""));
    const built = packed.files.flatMap((path) => /^dist\/(.+)(?<!\.d)\.js$/.exec(path)?.[1] ?? []);
    expect(built.sort()).toEqual(sources.sort());
  });

  it("holds every proto of the contract", () => {
    const contract = globSync("**/*.proto", { cwd: join(packed.sources, "proto") }).map((file) => `dist/proto/${file}`);
    expect(packed.files).toEqual(expect.arrayContaining(contract));
  });

  it("has pages whose links lead to what it holds, headings included", () => {
    const pages = packed.files.filter((path) => path.endsWith(".md"));
    const read = (page: string) => readFileSync(join(project, "node_modules/sallyport", page), "utf8");
    const links = pages.flatMap((page) => localLinksOf(read(page)).map((link) => ({ page, link })));
    const dead = links.filter(({ page, link }) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : normalize(join(dirname(page), path));
      if (!packed.files.includes(target)) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
    expect(links.filter(({ page }) => page === "README.md").length).toBeGreaterThan(5);
  });

  it("is under one mebibyte", () => {
    expect(packed.size).toBeLessThan(MEBIBYTE);
  });

  it("imports no package that it does not depend on", () => {
    const packages = specifiers().flatMap(({ specifier }) => /^(@[^/]+\/[^/]+|[^@./][^/]*)/.exec(specifier)?.[1] ?? []);
    const declared = { ...MANIFEST.dependencies, ...MANIFEST.peerDependencies };
    const undeclared = new Set(packages.filter((name) => !name.startsWith("node:") && !(name in declared)));
    expect([...undeclared]).toEqual([]);
    expect(packages).toEqual(expect.arrayContaining(["better-sqlite3", "jose", "@bufbuild/protobuf"]));
  });

  it("imports no file that it does not hold", () => {
    const relative = specifiers().filter(({ specifier }) => specifier.startsWith("."));
    const missing = relative
      .map(({ file, specifier }) => ({ file, target: normalize(join(dirname(file), specifier)) }))
      .filter(({ file, target }) => !packed.files.includes(/\.d\.ts$/.test(file) ? toTypes(target) : target));
    expect(missing).toEqual([]);
    expect(relative.length).toBeGreaterThan(100);
  });

  it("has no fault that publint finds", async () => {
    const { stdout } = await run(tool("publint"), ["run", packed.tarball, "--strict"], CHECKOUT);
    expect(stdout).toContain("All good!");
  });

  it("has types that every resolver of ES modules finds", async () => {
    const entries = [...LIBRARIES, FOR_GRPC_JS, ...generated()].map((specifier) =>
      specifier.replace(/^sallyport/, "."),
    );
    const args = [packed.tarball, "--profile", "esm-only", "--entrypoints", ...entries];
    const { stdout } = await run(tool("attw"), [...args, "--format", "json"], CHECKOUT);
    expect(Object.keys(JSON.parse(stdout).analysis.entrypoints)).toEqual(entries);
  });
});

describe("The installed package", () => {
  it("tells its version", async () => {
    const { stdout } = await run("npx", ["--no", "--", "sallyport", "--version"], project);
    expect(stdout).toBe(`${MANIFEST.version}\n`);
  });

  it("refuses a command that it does not have", async () => {
    await expect(run("npx", ["--no", "--", "sallyport", "serf"], project)).rejects.toThrow("unknown command 'serf'");
  });

  it("serves: a program of the project signs up, logs in and asks", async () => {
    writeFileSync(join(project, "client.ts"), CLIENT);
    writeFileSync(join(project, "person.ts"), PERSON);
    const { url, stop } = await serveIn(project);
    try {
      const { stdout } = await run("node", ["client.ts", url], project);
      expect(stdout).toBe("grace true true\n");
      expect((await run("node", ["person.ts", url], project)).stdout).toBe("signed-in\nhedy\n");
      expect((await run("node", ["person.ts", url], project)).stdout).toBe("hedy\nsigned-out\n");
      expect(existsSync(join(project, "session"))).toBe(false);
    } finally {
      await stop();
    }
    expect(existsSync(join(project, "data/sallyport.db"))).toBe(true);
  });

  it("can be imported wherever it exports something", async () => {
    writeFileSync(
      join(project, "imports.mjs"),
      [...LIBRARIES, ...generated()].map((name) => `await import("${name}");`).join("\n"),
    );
    await expect(run("node", ["imports.mjs"], project)).resolves.toMatchObject({ stderr: "" });
    for (const name of [
      "sallyport/package.json",
      "sallyport/sallyport.binpb",
      "sallyport/proto/buf/validate/validate.proto",
    ])
      expect(existsSync(await resolved(name)), name).toBe(true);
  });

  it("names grpc-js to whoever imports its guard without it", async () => {
    const program = `await import("${FOR_GRPC_JS}")`;
    const importing = run("node", ["--input-type=module", "--eval", program], project);
    await expect(importing).rejects.toThrow("Cannot find package '@grpc/grpc-js'");
  });

  it.each([
    "sallyport",
    "sallyport/dist/src/app.js",
    "sallyport/src/app.js",
    "sallyport/client/refresh.js",
    "sallyport/bin/sallyport.js",
    "sallyport/gen/google/rpc/error_details_pb.js",
    "sallyport/gen/sallyport/../../src/app_pb.js",
  ])("does not let %s be imported", async (name) => {
    await expect(resolved(name)).rejects.toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED|ERR_INVALID_MODULE_SPECIFIER/);
  });

  it.each(["nodenext", "bundler"])("type-checks a client that resolves modules as %s does", async (resolution) => {
    for (const [file, text] of Object.entries({ "client.ts": CLIENT, "person.ts": PERSON })) {
      writeFileSync(join(project, file), text);
      await expect(checkTypes(project, file, resolution)).resolves.toMatchObject({ stdout: "" });
    }
  });

  it("has types that find a client's mistake", async () => {
    writeFileSync(join(project, "mistaken.ts"), CLIENT.replace("identifier:", "username:"));
    await expect(checkTypes(project, "mistaken.ts", "nodenext")).rejects.toThrow("'username' does not exist");
  });

  it("guards somebody else's proto, whose generated code imports ours", async () => {
    const protos = join(project, "orders-proto");
    cpSync(join(project, "node_modules/sallyport/dist/proto"), protos, { recursive: true });
    writeFileSync(join(protos, "orders.proto"), ORDERS);
    const opt = ["target=ts", "erasable_syntax=true", "map_imports=sallyport/:sallyport/gen"];
    const template = { version: "v2", plugins: [{ local: tool("protoc-gen-es"), out: "gen", opt }] };
    const only = ["--path", join(protos, "orders.proto")];
    await run(tool("buf"), ["generate", protos, "--template", JSON.stringify(template), ...only], project);
    writeFileSync(join(project, "guarded.ts"), GUARDED);
    await checkTypes(project, "guarded.ts", "nodenext");
    expect(await run("node", ["guarded.ts"], project)).toMatchObject({ stdout: "clerk\n" });
  });
});

/** Everything that the built code and its declarations import, with the file that does. */
function specifiers(): readonly { readonly file: string; readonly specifier: string }[] {
  const code = packed.files.filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path));
  return code.flatMap((file) => {
    const text = readFileSync(join(project, "node_modules/sallyport", file), "utf8");
    const found = text.matchAll(/^(?:import|export|\})(?: [^"\n=(]*)?(?: from)? ?"([^"]+)";|\bimport\("([^"]+)"\)/gm);
    return [...found].map(([, statement, expression]) => ({ file, specifier: statement ?? expression ?? "" }));
  });
}

function toTypes(file: string): string {
  return file.replace(/\.js$/, ".d.ts");
}

/** The names under which the generated code is imported. */
function generated(): readonly string[] {
  return packed.files
    .flatMap((path) => /^dist\/(gen\/sallyport\/.+_pb\.js)$/.exec(path)?.[1] ?? [])
    .map((path) => `sallyport/${path}`);
}

/** The file that the project gets for an import. */
async function resolved(name: string): Promise<string> {
  const program = `process.stdout.write(new URL(import.meta.resolve(${JSON.stringify(name)})).pathname)`;
  return (await run("node", ["--input-type=module", "--eval", program], project)).stdout;
}
