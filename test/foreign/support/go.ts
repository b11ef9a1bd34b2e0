/** The Go client: modules from the Go proxy, stubs from the proto tree. */
import { cpSync, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { findProgram, mustRun, run } from "./programs.ts";
import { cacheFor, FOREIGN, lastLine, writeShippedProtos } from "./workshop.ts";

/** The Go sources. */
export const GO_SOURCES = join(FOREIGN, "go");
/** The module that the stubs become a part of; stands in go.mod. */
const MODULE = "sallyport.example/foreign";
const PLUGINS = ["protoc-gen-go", "protoc-gen-go-grpc", "protoc-gen-connect-go"];

/** Makes sure that Go and the modules of a folder are here; why not, if they are not. */
export async function downloadGoModules(folder = GO_SOURCES): Promise<string | null> {
  const go = findProgram("go");
  if (go === null) return "go is not here";
  const { code, stdout, stderr } = await run(go, ["mod", "download"], { cwd: folder });
  return code === 0 ? null : `its modules are not here: ${lastLine(stdout + stderr)}`;
}

/** Lays the sources and the stubs that they need into a folder. */
export async function writeGoModule(folder: string): Promise<void> {
  cpSync(GO_SOURCES, folder, { recursive: true });
  const bin = await installPlugins();
  const protos = writeShippedProtos(folder);
  const template = {
    version: "v2",
    // Our protos name no Go package, and protovalidate's stubs are on no Go proxy: all of them go into this module.
    managed: { enabled: true, override: [{ file_option: "go_package_prefix", value: `${MODULE}/gen` }] },
    plugins: PLUGINS.map((local) => ({ local, out: "gen", opt: "paths=source_relative" })),
  };
  const only = ["--path", join(protos, "sallyport"), "--include-imports"];
  await mustRun("buf", ["generate", protos, ...only, "--template", JSON.stringify(template)], {
    cwd: folder,
    env: { PATH: [bin, process.env.PATH].join(delimiter) },
  });
}

/** The plugins, in the versions that go.mod names. */
async function installPlugins(): Promise<string> {
  const bin = cacheFor("go", join(GO_SOURCES, "go.sum"));
  if (PLUGINS.some((plugin) => !existsSync(join(bin, plugin)))) {
    await mustRun("go", ["install", "tool"], { cwd: GO_SOURCES, env: { GOBIN: bin } });
  }
  return bin;
}
