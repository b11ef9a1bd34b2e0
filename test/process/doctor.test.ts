import { once } from "node:events";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/app.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

const BROKEN_ADDON = fileURLToPath(new URL("../support/broken-addon.cjs", import.meta.url));

let folder: string;
const settings = () => ({ SALLYPORT_DATA_DIR: folder });

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the doctor finds wrong, by what it looked at, and its exit code. */
async function diagnosis(more: Readonly<Record<string, string>> = {}) {
  const { code, stdout } = await runCommand(["doctor", "--json"], { ...settings(), ...more });
  const findings: { name: string; found: string; mend: string | null }[] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const wrong = findings.filter(({ mend }) => mend !== null);
  return {
    code,
    looked: findings.map(({ name }) => name),
    wrong: Object.fromEntries(wrong.map((one) => [one.name, one])),
  };
}

describe("The doctor", () => {
  it("finds nothing wrong with a running installation, and looks at all of it", async () => {
    const server = await startServerProcess(settings());
    const port = new URL(server.url).port;
    try {
      const { code, looked, wrong } = await diagnosis({ SALLYPORT_PORT: port });
      expect({ code, wrong }).toEqual({ code: 0, wrong: {} });
      for (const name of [
        "node",
        "sqlite",
        "data folder",
        "master key file",
        "database",
        "schema",
        "issuer",
        "master key",
        "clock",
        "port",
      ]) {
        expect(looked).toContain(name);
      }
    } finally {
      await server.end("SIGTERM");
    }
  });

  it("makes nothing where there is nothing", async () => {
    const { code, looked, wrong } = await diagnosis();
    expect({ code, wrong }).toEqual({ code: 0, wrong: {} });
    expect(looked).toEqual(expect.arrayContaining(["sqlite", "clock"]));
    expect(existsSync(join(folder, "sallyport.db"))).toBe(false);
  });

  it("says how to close a key file that others can read, which no start accepts", async () => {
    await (await startServerProcess(settings())).end("SIGTERM");
    const file = join(folder, "master.key");
    chmodSync(file, 0o644);
    expect(await diagnosis()).toMatchObject({ code: 1, wrong: { "master key file": { mend: `chmod 600 ${file}` } } });
    const { code, stderr } = await runCommand(["serve"], settings());
    expect(code).toBe(1);
    expect(stderr).toContain(`chmod 600 ${file}`);
  });

  it("names the issuer that tokens were made for, and a master key that does not fit", async () => {
    await (await startServerProcess(settings())).end("SIGTERM");
    const master = Buffer.alloc(32, 7).toString("base64url");
    const { code, wrong } = await diagnosis({ SALLYPORT_ISSUER: "http://other.test", SALLYPORT_MASTER_KEY: master });
    expect(code).toBe(1);
    expect(wrong.issuer?.mend).toContain("http://sallyport.test");
    expect(wrong["master key"]?.found).toContain("not among those given");
  });

  it("tells a damaged file from a database", async () => {
    writeFileSync(join(folder, "sallyport.db"), "no database, but long enough to be looked at ".repeat(100), {
      mode: 0o600,
    });
    const { code, looked, wrong } = await diagnosis();
    expect({ code, mend: wrong.database?.mend }).toEqual({
      code: 1,
      mend: "restore a backup, then run: sallyport restored",
    });
    expect(looked).toEqual(expect.arrayContaining(["sqlite", "clock"]));
  });

  it.each([
    ["with a database", async () => void (await (await startServerProcess(settings())).end("SIGTERM"))],
    ["without one", async () => {}],
  ])("blames an addon that cannot be loaded, not the data, and looks at all else: %s", async (_what, prepare) => {
    await prepare();
    const { code, looked, wrong } = await diagnosis({ NODE_OPTIONS: `--require ${BROKEN_ADDON}` });
    expect(code).toBe(1);
    expect(wrong.sqlite?.found).toBe("SQLite cannot be loaded: invalid ELF header");
    expect(wrong.sqlite?.mend).toMatch(/install the dependencies again.* `npm ci` in a checkout.*`npm install`/);
    expect(JSON.stringify(wrong)).not.toContain("backup");
    expect(looked).toEqual(expect.arrayContaining(["clock", "port"]));
  });

  it("tells another program on the port", async () => {
    const stranger = createServer((socket) => socket.end("who is there?\n")).listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const address = stranger.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const { code, wrong } = await diagnosis({ SALLYPORT_PORT: String(address.port) });
    stranger.close();
    expect(code).toBe(1);
    expect(wrong.port?.found).toContain("another program");
  });
});

describe("A command on a folder without a database", () => {
  it.each([
    ["users", "list"],
    ["users", "set-roles", "ada"],
    ["keys", "list"],
    ["services", "list"],
    ["services", "create", "orders"],
    ["restored"],
  ])("makes none, and says what to do: %s %s", async (...args) => {
    const { code, stderr } = await runCommand(args.filter(Boolean), settings());
    expect(code).toBe(1);
    expect(stderr).toContain(`there is no database in ${folder}`);
    expect(existsSync(join(folder, "sallyport.db"))).toBe(false);
  });
});
