import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * What each part of src/ may import from the rest of it, itself apart. Arrows go
 * one way: a part stands below those that may import it. Single files stand under
 * their own name.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  version: [],
  log: ["lib"],
  settings: [],
  config: ["settings"],
  errors: ["gen"],
  "error-details": ["errors", "gen", "lib"],
  check: ["lib"],
  access: ["check", "errors", "gen"],
  feed: ["check", "gen", "lib"],
  store: ["errors", "lib"],
  passwords: ["errors", "lib"],
  audit: ["lib", "log", "store"],
  revocations: ["check", "errors", "feed", "lib", "log", "store"],
  tokens: ["audit", "check", "errors", "lib", "log", "revocations", "roles", "store"],
  sessions: ["audit", "errors", "lib", "revocations", "roles", "store", "tokens"],
  roles: ["audit", "errors", "lib", "revocations", "store"],
  services: ["audit", "check", "errors", "lib", "revocations", "roles", "store"],
  users: ["audit", "errors", "lib", "passwords", "revocations", "roles", "store"],
  login: ["audit", "check", "errors", "lib", "passwords", "revocations", "sessions", "store", "tokens", "users"],
  rpc: [
    "access",
    "check",
    "error-details",
    "errors",
    "feed",
    "gen",
    "lib",
    "login",
    "revocations",
    "roles",
    "services",
    "sessions",
    "store",
    "tokens",
    "users",
  ],
  "forward-auth": ["access", "check", "errors", "gen", "lib", "log"],
  server: ["access", "config", "error-details", "errors", "forward-auth", "gen", "lib", "log", "rpc"],
  telemetry: ["audit", "check", "lib"],
  readiness: ["lib", "log"],
  housekeeping: ["lib", "log", "revocations", "services", "store"],
  copy: ["audit", "store", "tokens"],
  database: ["config", "lib", "store", "tokens"],
  core: [
    "database",
    "services",
    "audit",
    "check",
    "config",
    "lib",
    "log",
    "login",
    "passwords",
    "revocations",
    "roles",
    "sessions",
    "store",
    "tokens",
    "users",
  ],
  workers: ["config", "lib", "log", "server", "telemetry"],
  app: [
    "check",
    "config",
    "core",
    "forward-auth",
    "gen",
    "housekeeping",
    "readiness",
    "roles",
    "rpc",
    "server",
    "store",
    "telemetry",
    "version",
    "workers",
  ],
  verifier: ["access", "check", "error-details", "errors", "feed", "gen", "lib"],
  client: ["check", "gen", "lib"],
  doctor: ["config", "lib", "server", "store", "tokens"],
  cli: [
    "access",
    "app",
    "audit",
    "config",
    "copy",
    "core",
    "database",
    "doctor",
    "errors",
    "gen",
    "lib",
    "log",
    "passwords",
    "roles",
    "settings",
    "store",
    "tokens",
    "users",
    "workers",
  ],
  main: ["cli", "config", "version"],
};

/** Packages that the parts which others install, or will, may import. */
const PACKAGES: Readonly<Record<string, readonly RegExp[]>> = {
  lib: [/^node:/],
  check: [/^node:crypto$/],
  access: [/^@bufbuild\/protobuf(\/|$)/],
  feed: [/^@bufbuild\/protobuf(\/|$)/, /^node:timers\/promises$/],
  client: [/^@bufbuild\/protobuf(\/|$)/, /^@connectrpc\/connect(\/protocol)?$/, /^node:/],
  errors: [/^@connectrpc\/connect$/],
  "error-details": [/^@bufbuild\/protobuf(\/|$)/, /^@connectrpc\/connect$/],
  verifier: [
    /^@bufbuild\/protobuf(\/|$)/,
    /^@connectrpc\/connect(\/|$)/,
    /^@connectrpc\/connect-node$/,
    /^node:/,
    /^@grpc\/grpc-js$/,
  ],
};

const root = normalize(join(import.meta.dirname, "../.."));
const files = globSync("src/**/*.ts", { cwd: root });

describe("The arrows between the parts", () => {
  it.each(Object.keys(ARROWS))("of %s go only where they may", (part) => {
    const own = files.filter((file) => partOf(file) === part);
    expect(own, "the part exists").not.toEqual([]);
    const allowed = [part, ...(ARROWS[part] ?? [])];
    const stray = own.flatMap((file) =>
      importsOf(file)
        .parts.filter((target) => !allowed.includes(target))
        .map((target) => `${file} → ${target}`),
    );
    expect(stray).toEqual([]);
  });

  it("cover every file", () => {
    expect(files.map(partOf).filter((part) => !Object.hasOwn(ARROWS, part))).toEqual([]);
  });

  it("never lead back", () => {
    const reachable = (part: string, seen: Set<string>): Set<string> => {
      for (const next of ARROWS[part] ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        reachable(next, seen);
      }
      return seen;
    };
    expect(Object.keys(ARROWS).filter((part) => reachable(part, new Set()).has(part))).toEqual([]);
  });

  it.each(Object.keys(PACKAGES))("of %s reach no package that its users would have to install", (part) => {
    const allowed = PACKAGES[part] ?? [];
    const packages = files.filter((file) => partOf(file) === part).flatMap((file) => importsOf(file).packages);
    expect(packages.filter((name) => !allowed.some((pattern) => pattern.test(name)))).toEqual([]);
  });

  it("reach Node from the client, which pages use, in its own part for Node alone", () => {
    const importing = files.filter((file) => /^src\/client\/(?!node\/)/.test(file));
    const stray = importing.filter((file) =>
      importsOf(file).packages.some((name) => name.startsWith("node:") || name.endsWith("-node")),
    );
    expect(stray).toEqual([]);
    expect(importing.length).toBeGreaterThan(10);
  });

  it("reach grpc-js, which not everybody has, from its own interceptor alone", () => {
    const importing = files.filter((file) => importsOf(file).packages.includes("@grpc/grpc-js"));
    expect(importing).not.toEqual([]);
    expect(importing.filter((file) => !file.startsWith("src/verifier/grpc/"))).toEqual([]);
  });
});

function partOf(file: string): string {
  return (
    file
      .replace(/^src\//, "")
      .split("/")[0]
      ?.replace(/\.ts$/, "") ?? ""
  );
}

function importsOf(file: string): { readonly parts: readonly string[]; readonly packages: readonly string[] } {
  const text = readFileSync(join(root, file), "utf8");
  const specifiers = [
    ...text.matchAll(/^(?:(?:import|export|\}).* from|import) "([^"]+)"|\bimport\("([^"]+)"\)/gm),
  ].map(([, named, loaded]) => named ?? loaded ?? "");
  const relative = specifiers.filter((specifier) => specifier.startsWith("."));
  return {
    parts: relative.map((specifier) => {
      const target = normalize(join(dirname(file), specifier));
      return target.startsWith("gen/") ? "gen" : partOf(target);
    }),
    packages: specifiers.filter((specifier) => !specifier.startsWith(".")),
  };
}
