/** What keeps a server from starting, and what it tells the operator then. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listKeys } from "../../src/store/queries/keys.ts";
import { temporaryFolder } from "../support/app.ts";
import { workOn } from "../support/folder.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

const serve = (settings: Readonly<Record<string, string>> = {}) =>
  runCommand(["serve"], { SALLYPORT_DATA_DIR: folder, ...settings });
const keyFile = () => join(folder, "master.key");
/** The keys in the database as they are stored; made if there are none. Opens each. */
const makeKeys = () => workOn(folder, ({ store }) => store.read(listKeys));
const OTHER_KEY = Buffer.alloc(32, 7).toString("base64url");

async function listenSomewhere() {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
  const address = squatter.address();
  if (typeof address !== "object" || address === null) throw new Error("not listening");
  return { port: address.port, close: () => squatter.close() };
}

describe("A server that cannot start", () => {
  it("names the port that is taken and what to do", async () => {
    const { port, close } = await listenSomewhere();
    const { code, stdout, stderr } = await serve({ SALLYPORT_PORT: String(port) });
    close();
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(
      `sallyport: cannot listen on 127.0.0.1 port ${port}: another process does; stop that one, or set SALLYPORT_PORT`,
    );
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it("names the address that is not this machine's, or taken, and what to do", async () => {
    const { port, close } = await listenSomewhere();
    const refused = await Promise.all([
      serve({ SALLYPORT_HOST: "192.0.2.1" }),
      serve({ SALLYPORT_METRICS_ADDRESS: "192.0.2.1:9464" }),
      serve({ SALLYPORT_METRICS_ADDRESS: `127.0.0.1:${port}` }),
    ]);
    close();
    expect(refused.map(({ code, stdout }) => [code, stdout])).toEqual(refused.map(() => [1, ""]));
    const [host, metrics, taken] = refused.map(({ stderr }) => stderr.split("\n").at(-2));
    expect(host).toBe(
      "sallyport: cannot listen on 192.0.2.1 port 0: this machine has no such address; set SALLYPORT_HOST to one that it has",
    );
    const advice = "set it to an address of this machine and a port that is free";
    for (const said of [metrics, taken]) {
      expect(said).toMatch(new RegExp(`^sallyport: cannot listen on SALLYPORT_METRICS_ADDRESS \\(.*\\); ${advice}$`));
    }
  });

  it("says why at the end, after what happened before it could not", async () => {
    // So that keys are made, and nothing is said between that and the end.
    await runCommand(["migrate"], { SALLYPORT_DATA_DIR: folder });
    const { stderr } = await serve({ SALLYPORT_HOST: "192.0.2.1" });
    const [happened, why, ...others] = stderr.trimEnd().split("\n");
    expect(JSON.parse(happened ?? "")).toMatchObject({ event: "keys_created" });
    expect(why).toMatch(/^sallyport: cannot listen on 192\.0\.2\.1 /);
    expect(others).toEqual([]);
  });

  it("tells contradictions together with all other faults, for any command", async () => {
    const contradicting = {
      SALLYPORT_DATA_DIR: join(folder, "never-made"),
      SALLYPORT_TLS_CERT_FILE: "server.crt",
      SALLYPORT_REFRESH_IDLE_TTL_SECONDS: "600",
      SALLYPORT_REFRESH_ABSOLUTE_TTL_SECONDS: "60",
      SALLYPORT_METRICS: "off",
      SALLYPORT_METRICS_ADDRESS: "127.0.0.1:9464",
      SALLYPORT_AUTHORIZE_CALLERS: "everybody",
      SALLYPORT_TLS_CERTFILE: "server.crt",
    };
    for (const args of [["serve"], ["users", "list"], ["migrate"], ["doctor"]]) {
      const { code, stdout, stderr } = await runCommand(args, contradicting);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^sallyport: the settings are wrong:\n( {2}SALLYPORT_.+\n){5}$/);
      expect(stderr).toContain("SALLYPORT_TLS_KEY_FILE must be set where SALLYPORT_TLS_CERT_FILE is");
      expect(stderr).toContain("SALLYPORT_TLS_CERTFILE: there is no such setting");
    }
    expect(() => readFileSync(join(folder, "never-made"))).toThrow("ENOENT");
  });

  it("tells all faults of the settings at once, but not what was in them, and touches nothing", async () => {
    const nowhere = join(folder, "never-made");
    const { code, stdout, stderr } = await serve({
      SALLYPORT_DATA_DIR: nowhere,
      SALLYPORT_PORT: "70000",
      SALLYPORT_MASTER_KEY: "sesame-open-yourself",
      SALLYPORT_ISSUER: "ftp://issuer.example",
      SALLYPORT_LOG_LEVEL: "loud",
      SALLYPORT_REFRESH_GRACE_SECONDS: "",
      SALLYPORT_PROT: "8080",
      SALLYPORT_SECRET: "open-sesame",
    });
    expect([code, stdout]).toEqual([2, ""]);
    for (const name of ["PORT", "MASTER_KEY", "ISSUER", "LOG_LEVEL", "REFRESH_GRACE_SECONDS"]) {
      expect(stderr).toMatch(new RegExp(`^  SALLYPORT_${name}: `, "m"));
    }
    expect(stderr).toContain("SALLYPORT_PROT: there is no such setting");
    expect(stderr).toContain("SALLYPORT_SECRET: there is no such setting");
    expect(stderr).not.toContain("sesame");
    expect(() => readFileSync(nowhere)).toThrow("ENOENT");
  });

  it("has no fault to find with what Kubernetes sets for a service of its name", async () => {
    const injected = {
      SALLYPORT_PORT: "tcp://10.0.0.1:8080",
      SALLYPORT_SERVICE_HOST: "10.0.0.1",
      SALLYPORT_SERVICE_PORT: "8080",
      SALLYPORT_SERVICE_PORT_GRPC: "8080",
      SALLYPORT_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      SALLYPORT_PORT_8080_TCP_PROTO: "tcp",
      SALLYPORT_PORT_8080_TCP_PORT: "8080",
      SALLYPORT_PORT_8080_TCP_ADDR: "10.0.0.1",
    };
    const { code, stderr } = await runCommand(["migrate"], { SALLYPORT_DATA_DIR: folder, ...injected });
    expect([code, stderr]).toEqual([0, `sallyport: made a new database in ${folder}\n`]);
  });
});

describe("A server beside a database with keys", () => {
  it("does not start under another master key, says which one it needs, and makes no key", async () => {
    const before = await makeKeys();
    const { code, stdout, stderr } = await serve({ SALLYPORT_MASTER_KEY: OTHER_KEY });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /encrypted under master key \S+, which is not among those given \(\S+\); set SALLYPORT_MASTER_KEY/,
    );
    expect(stderr).not.toContain(OTHER_KEY);
    expect(await makeKeys()).toEqual(before);
  });

  it("does not start without its master key, says where it looked, and makes none", async () => {
    const before = await makeKeys();
    const key = readFileSync(keyFile());
    rmSync(keyFile());
    const { code, stdout, stderr } = await serve();
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`${keyFile()} is missing; put it back or set SALLYPORT_MASTER_KEY`);
    expect(() => readFileSync(keyFile())).toThrow("ENOENT");
    writeFileSync(keyFile(), key, { mode: 0o600 });
    expect(await makeKeys()).toEqual(before);
  });

  it("does not start when the key file is no key, names it, and leaves it as it is", async () => {
    const before = await makeKeys();
    const key = readFileSync(keyFile());
    const said = `${keyFile()} must hold 32 bytes in base64url`;
    for (const content of ["", Buffer.alloc(31).toString("base64url"), `${OTHER_KEY}\n${OTHER_KEY}\n`]) {
      writeFileSync(keyFile(), content);
      await expect(makeKeys()).rejects.toThrow(said);
    }
    writeFileSync(keyFile(), "-----BEGIN PRIVATE KEY-----\n");
    const { code, stdout, stderr } = await serve();
    expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining(`sallyport: ${said}`)]);
    expect(readFileSync(keyFile(), "utf8")).toBe("-----BEGIN PRIVATE KEY-----\n");
    writeFileSync(keyFile(), key);
    expect(await makeKeys()).toEqual(before);
  });
});

describe("Servers that start on an empty folder at the same moment", () => {
  it("all serve, with one set of keys and one master key", async () => {
    const servers = await Promise.all(
      Array.from({ length: 3 }, () => startServerProcess({ SALLYPORT_DATA_DIR: folder })),
    );
    const sets = await Promise.all(
      servers.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).text()),
    );
    await Promise.all(servers.map((server) => server.end("SIGTERM")));
    expect(new Set(sets).size).toBe(1);
    const keys = await makeKeys();
    expect(keys.map(({ use, state }) => `${use} ${state}`).sort()).toEqual([
      "access active",
      "access next",
      "refresh active",
    ]);
  });
});
