/** The clients that others wrote, and what of them this machine can run. */
import { homedir } from "node:os";
import { join } from "node:path";
import { downloadGoModules } from "./go.ts";
import { findProgram, run } from "./programs.ts";
import { preparePython } from "./python.ts";
import { ROOT } from "./workshop.ts";

/** A client of another make. */
export type ForeignClient = {
  readonly name: string;
  /** Its tests, in test/foreign. */
  readonly file: string;
  /** Why it cannot be run here; null if it can. */
  readonly obstacle: () => Promise<string | null>;
};

/** Where `grpcurl` is, if anywhere: on PATH, or where `go install` puts it. */
export function grpcurl(): string | null {
  return findProgram("grpcurl", [join(process.env.GOPATH ?? join(homedir(), "go"), "bin")]);
}

/** Where Chromium is, if anywhere. */
export function chromium(): string | null {
  return findProgram("chromium") ?? findProgram("chromium-browser") ?? findProgram("google-chrome");
}

const ALWAYS = async () => null;
const needs = (name: string, find: () => string | null) => async () => (find() === null ? `${name} is not here` : null);

/** The least Caddy that knows every option of the example. */
const CADDY = { major: 2, minor: 7 };

async function needsCaddy(): Promise<string | null> {
  const caddy = findProgram("caddy");
  if (caddy === null) return "caddy is not here";
  const said = (await run(caddy, ["version"])).stdout.trim();
  // One that was built by hand may not know its version, and is tried.
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(said) ?? [];
  const isOld = major !== undefined && (Number(major) - CADDY.major || Number(minor) - CADDY.minor) < 0;
  return isOld ? `what is here is Caddy ${said}, older than ${CADDY.major}.${CADDY.minor}` : null;
}

/** Every client that is tried. */
export const FOREIGN_CLIENTS: readonly ForeignClient[] = [
  { name: "buf curl: Connect, gRPC, gRPC-Web", file: "buf-curl.test.ts", obstacle: ALWAYS },
  { name: "@grpc/grpc-js", file: "grpc-js.test.ts", obstacle: ALWAYS },
  { name: "curl: HTTP/1.1 and HTTP/2", file: "curl.test.ts", obstacle: needs("curl", () => findProgram("curl")) },
  { name: "grpcurl", file: "grpcurl.test.ts", obstacle: needs("grpcurl", grpcurl) },
  { name: "Go: grpc-go and connect-go", file: "go.test.ts", obstacle: () => downloadGoModules() },
  { name: "Python: grpcio", file: "python.test.ts", obstacle: preparePython },
  {
    name: "Go: a service that delegates",
    file: "go-service.test.ts",
    obstacle: () => downloadGoModules(join(ROOT, "examples/go-service")),
  },
  { name: "Python: a service that delegates", file: "python-service.test.ts", obstacle: preparePython },
  { name: "Chromium: Connect-Web", file: "browser.test.ts", obstacle: needs("chromium", chromium) },
  { name: "Chromium: sallyport/client", file: "browser-client.test.ts", obstacle: needs("chromium", chromium) },
  { name: "Chromium: examples/browser", file: "browser-example.test.ts", obstacle: needs("chromium", chromium) },
  {
    name: "nginx: auth_request",
    file: "forward-auth-nginx.test.ts",
    obstacle: needs("nginx", () => findProgram("nginx")),
  },
  {
    name: "Caddy: forward_auth",
    file: "forward-auth-caddy.test.ts",
    obstacle: needsCaddy,
  },
];

/** A client that cannot be run, and why. */
export type Missing = { readonly name: string; readonly why: string };

/** Sorts the clients into those that can be run here and those that cannot. */
export async function surveyMachine() {
  const files: string[] = [];
  const missing: Missing[] = [];
  for (const { name, file, obstacle } of FOREIGN_CLIENTS) {
    const why = await obstacle();
    if (why === null) files.push(file);
    else missing.push({ name, why });
  }
  return { files, missing };
}
