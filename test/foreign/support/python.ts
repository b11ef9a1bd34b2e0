/** The Python client: packages from PyPI in an environment of their own, stubs from the proto tree. */
import { existsSync, globSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, mustRun, run } from "./programs.ts";
import { cacheFor, FOREIGN, lastLine, writeShippedProtos } from "./workshop.ts";

/** The Python sources. */
export const PYTHON_SOURCES = join(FOREIGN, "python");
const REQUIREMENTS = join(PYTHON_SOURCES, "requirements.txt");

/** The interpreter that has the packages, once they are installed. */
export function pythonWithPackages(): string {
  return join(pythonEnvironment(), "bin/python");
}

/** The folder of the virtual environment that has them. */
export function pythonEnvironment(): string {
  return join(cacheFor("python", REQUIREMENTS), "venv");
}

/** Makes sure that Python and its packages are here; why not, if they are not. */
export async function preparePython(): Promise<string | null> {
  const python = findProgram("python3");
  if (python === null) return "python3 is not here";
  // Written last: an environment without it was left half made.
  const done = `${pythonEnvironment()}.done`;
  if (existsSync(done)) return null;
  rmSync(pythonEnvironment(), { recursive: true, force: true });
  const steps = [
    [python, "-m", "venv", pythonEnvironment()],
    [pythonWithPackages(), "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS],
  ];
  for (const [program = "", ...args] of steps) {
    const { code, stdout, stderr } = await run(program, args);
    if (code !== 0) return `its packages are not here: ${lastLine(stdout + stderr)}`;
  }
  writeFileSync(done, "");
  return null;
}

/** Compiles the proto tree into a folder, with the protoc that the packages bring. */
export async function writePythonStubs(folder: string): Promise<void> {
  const protos = writeShippedProtos(folder);
  const files = globSync("**/*.proto", { cwd: protos });
  const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
  await mustRun(pythonWithPackages(), ["-m", "grpc_tools.protoc", `--proto_path=${protos}`, ...out, ...files]);
}
