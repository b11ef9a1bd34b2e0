/** What the doctor finds in files, certificates and addresses, each with how to mend it. */
import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config.ts";
import { databaseFile } from "../../src/database.ts";
import { examineLibrary } from "../../src/doctor/database.ts";
import { examine } from "../../src/doctor/examine.ts";
import { examineServer } from "../../src/doctor/server.ts";
import { examineWorkers } from "../../src/doctor/workers.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { ServerReport } from "../../src/store/postgres/inspect-server.ts";
import { TEST_SETTINGS, temporaryFolder } from "../support/app.ts";
import { AS_MORTAL } from "../support/bad-start.ts";
import {
  type Authority,
  createAuthority,
  hoursFromNow,
  issueServer,
  type Stated,
  tlsSettings,
  writeTlsFiles,
} from "../support/certificates.ts";
import { workOn } from "../support/folder.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";

type Settings = Readonly<Record<string, string>>;

let folder: string;
let data: string;
let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority();
});
beforeEach(() => {
  folder = temporaryFolder();
  data = join(folder, "data");
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

/** All findings under this name: what was found, and behind it how to mend it, if it is wrong. */
async function findings(name: string, settings: Settings = {}, clock: Clock = systemClock): Promise<readonly string[]> {
  const config = readConfig({ ...TEST_SETTINGS, SALLYPORT_DATA_DIR: data, ...settings });
  const all: string[] = [];
  const patient = { config, databaseFile: databaseFile(config), clock, random: systemRandom };
  for await (const [looked, { found, mend }] of examine(patient)) {
    if (looked === name) all.push(mend === null ? found : `WRONG ${found} → ${mend}`);
  }
  return all;
}

const makeDatabase = () => workOn(data, async () => {});
const keyFile = () => join(data, "master.key");

describe("Of the data folder the doctor says", () => {
  it("that the one above is missing, too", async () => {
    const nested = { SALLYPORT_DATA_DIR: join(data, "sallyport") };
    expect(await findings("data folder", nested)).toEqual([
      expect.stringMatching(/^WRONG neither .* → make the one above/),
    ]);
    expect(await findings("data folder")).toEqual([`${data} is not there yet; the first start makes it`]);
  });

  it("how much room is left on its disk", async () => {
    expect(await findings("disk")).toEqual([expect.stringMatching(/^\d+ MiB are free$/)]);
  });

  it("that its database was lost, and how to go on", async () => {
    await makeDatabase();
    for (const lose of [
      () => writeFileSync(join(data, "sallyport.db"), ""),
      () => rmSync(join(data, "sallyport.db")),
    ]) {
      lose();
      const [said] = await findings("database");
      expect(said).toMatch(
        /^WRONG .* is missing or empty → restore that from a backup and run .*sallyport migrate --new$/,
      );
    }
  });

  it("that a file in it cannot be read by whoever asks", async () => {
    await makeDatabase();
    chmodSync(keyFile(), 0o000);
    const { code, stdout } = await runCommand(["doctor"], { SALLYPORT_DATA_DIR: data }, "", AS_MORTAL);
    expect(code).toBe(1);
    expect(stdout).toContain(
      `WRONG  master key file: ${keyFile()} cannot be read by this user\n       to mend it: chown it`,
    );
    expect(stdout).toMatch(/^WRONG {2}master key: .* cannot be read: this user may not$/m);
  });

  it("that the key file is a folder, open to others, or no key, and no other advice", async () => {
    await makeDatabase();
    chmodSync(keyFile(), 0o644);
    expect(await findings("master key")).toEqual([expect.stringMatching(/^WRONG others .* → run: chmod 600 \S+$/)]);
    chmodSync(keyFile(), 0o600);
    writeFileSync(keyFile(), "sesame");
    expect(await findings("master key")).toEqual([
      expect.stringMatching(/^WRONG .* 43 characters → give the master key/),
    ]);
    rmSync(keyFile());
    mkdirSync(keyFile(), { mode: 0o700 });
    expect(await findings("master key file")).toEqual([expect.stringMatching(/^WRONG .* is no file → move it away/)]);
    expect(await findings("master key")).toEqual([
      expect.stringMatching(/^WRONG .* is no file → put the master key there/),
    ]);
  });
});

describe("Of SQLite the doctor says", () => {
  it("which one it is, and that one that can lose commits is to be replaced", async () => {
    expect(await findings("sqlite")).toEqual([expect.stringMatching(/^SQLite \d+\.\d+\.\d+$/)]);
    const { found, mend } = examineLibrary(() => ({ version: "3.50.0", isTooOld: true }));
    expect([found, mend]).toEqual([
      "SQLite 3.50.0 can lose commits",
      expect.stringMatching(/^install the dependencies again/),
    ]);
  });
});

describe("Of the clock the doctor says that it is behind", () => {
  const at = (time: number) => findings("clock", {}, { now: () => time });

  it("this version, whatever there is in the folder", async () => {
    const said = [expect.stringMatching(/^WRONG \d+ s behind the making of this version → set the clock/)];
    expect(await at(0)).toEqual(said);
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(join(data, "sallyport.db"), "no database, but long enough to be looked at ".repeat(100));
    expect(await at(Date.UTC(2020, 0, 1))).toEqual([expect.stringMatching(/^WRONG \d+ s behind .* → set the clock/)]);
  });

  it("files that cannot be read, or the database that is lost", async () => {
    await makeDatabase();
    const now = Date.now();
    const file = join(data, "sallyport.db");
    writeFileSync(file, "no database, but long enough to be looked at ".repeat(100));
    utimesSync(file, new Date(now + 60_000), new Date(now + 60_000));
    expect(await at(now)).toEqual([`WRONG 60 s behind the last change of ${file} → ${MEND_CLOCK}`]);
    rmSync(file);
    utimesSync(keyFile(), new Date(now + 30_000), new Date(now + 30_000));
    expect(await at(now)).toEqual([`WRONG 30 s behind the last change of ${keyFile()} → ${MEND_CLOCK}`]);
    expect(await at(now + 26_000)).toEqual([new Date(now + 26_000).toISOString()]);
  });

  it("what is in the database", async () => {
    await makeDatabase();
    for (const path of [keyFile(), join(data, "sallyport.db")]) utimesSync(path, 0, 0);
    expect(await at(Date.now() - 60_000)).toEqual([
      expect.stringMatching(/^WRONG (5\d|60) s behind the latest event in the database → set the clock/),
    ]);
  });
});

const MEND_CLOCK = "set the clock of this machine, for instance by NTP";

describe("Of TLS the doctor says", () => {
  const written = async (stated: Stated = {}, clientCa?: string) =>
    writeTlsFiles(await issueServer(authority, stated), clientCa).files;
  const say = async (stated: Stated) => (await findings("tls", tlsSettings(await written(stated)))).join("\n");

  it("that all is well: none, or a certificate that fits its key, until when, and authorities of clients", async () => {
    expect(await findings("tls")).toEqual(["none; the port speaks cleartext"]);
    const notAfter = hoursFromNow(24 * 90);
    const files = await written({ notAfter }, authority.cert + authority.cert);
    expect(await findings("tls", tlsSettings(files))).toEqual([
      `the certificate in ${files.certFile} fits its key and is valid until ${notAfter.toISOString().slice(0, 19)}.000Z`,
      `${files.clientCaFile} names 2 authorities of clients`,
    ]);
  });

  it("that the certificate has expired, is about to, or is not valid yet", async () => {
    expect(await say({ notAfter: hoursFromNow(-1), notBefore: hoursFromNow(-2) })).toMatch(
      /^WRONG .* expired at \S+Z → put a new/,
    );
    expect(await say({ notAfter: hoursFromNow(47) })).toMatch(/^WRONG .* expires soon, at \S+Z → put a new one/);
    expect(await say({ notBefore: hoursFromNow(1), notAfter: hoursFromNow(99) })).toMatch(
      /^WRONG .* not valid before \S+Z → set/,
    );
  });

  it("that the key belongs to another certificate, or is open to others", async () => {
    const files = await written();
    writeFileSync(files.keyFile, (await issueServer(authority)).key);
    expect(await findings("tls", tlsSettings(files))).toEqual([
      expect.stringMatching(
        /^WRONG \S+server\.key is not the key of the first certificate in .* → put the two that belong/,
      ),
    ]);
    chmodSync(files.keyFile, 0o644);
    expect(await findings("tls", tlsSettings(files))).toEqual([
      `WRONG SALLYPORT_TLS_KEY_FILE: others can reach ${files.keyFile} (mode 644) → run: chmod 600 ${files.keyFile}`,
    ]);
  });

  it("each file that is missing or damaged, all at once", async () => {
    const files = await written({}, authority.cert);
    rmSync(files.certFile);
    writeFileSync(files.keyFile, "sesame");
    rmSync(files.clientCaFile ?? "");
    const said = await findings("tls", tlsSettings(files));
    expect(said).toEqual([
      expect.stringMatching(/^WRONG SALLYPORT_TLS_CERT_FILE: .* is not there → put the file there/),
      expect.stringMatching(/^WRONG SALLYPORT_TLS_KEY_FILE: .* holds no private key → it must be in PEM/),
      expect.stringMatching(/^WRONG SALLYPORT_TLS_CLIENT_CA_FILE: .* is not there → put the file there/),
    ]);
    expect(said.join()).not.toContain("sesame");
  });
});

describe("Of the metrics' address the doctor says", () => {
  const at = (address: string) => findings("metrics", { SALLYPORT_METRICS_ADDRESS: address });

  it("where metrics are, if anywhere, and whether their address is free", async () => {
    expect(await findings("metrics")).toEqual(["closed"]);
    expect(await findings("metrics", { SALLYPORT_METRICS: "on" })).toEqual(["served on the port of the service"]);
    expect(await at("127.0.0.1:0")).toEqual(["any free port will do"]);
  });

  it("that it is none of this machine's, or that another program is there", async () => {
    expect(await at("192.0.2.1:9464")).toEqual([
      expect.stringMatching(
        /^WRONG 192\.0\.2\.1:9464 cannot be listened on \(EADDRNOTAVAIL\) → set SALLYPORT_METRICS_ADDRESS/,
      ),
    ]);
    const stranger = createServer((socket) => socket.end("who is there?\n")).listen(0, "127.0.0.1");
    await once(stranger, "listening");
    const address = `127.0.0.1:${Object(stranger.address()).port}`;
    expect(await at(address)).toEqual([
      expect.stringMatching(/^WRONG another program listens on \S+ → stop it, or set SALLYPORT_METRICS_ADDRESS to/),
    ]);
    stranger.close();
  });

  it("that a Sallyport is there already", async () => {
    const settings = { SALLYPORT_DATA_DIR: data, SALLYPORT_METRICS_ADDRESS: "127.0.0.1:0" };
    const server = await startServerProcess(settings);
    const [, address = ""] = /"url":"http:\/\/([\d.:]+)\/metrics"/.exec(server.output().stderr) ?? [];
    expect(await at(address)).toEqual([`a Sallyport listens on ${address}`]);
    await server.end("SIGTERM");
  });
});

describe("Of the workers the doctor says", () => {
  const cores = availableParallelism();

  it("nothing if there is one process, and how many cores there are for more", async () => {
    expect(await findings("workers")).toEqual([]);
    expect(examineWorkers(2, 4)).toEqual({ found: "2 on 4 cores", mend: null });
    expect(examineWorkers(2, 2)).toEqual({ found: "2 on 2 cores", mend: null });
  });

  it("that there are more than cores", async () => {
    expect(await findings("workers", { SALLYPORT_WORKERS: String(cores + 1) })).toEqual([
      expect.stringMatching(`^WRONG ${cores + 1} on ${cores} cores?: .* → set SALLYPORT_WORKERS to ${cores} at most$`),
    ]);
  });

  it("that PostgreSQL has no room for the connections of all", () => {
    const report: ServerReport = {
      name: "db:5432/auth",
      version: "18.1",
      isEncrypted: true,
      isStandby: false,
      isDurable: true,
      aheadMs: 0,
      maxConnections: 22,
      applied: [],
      issuer: null,
      jwes: [],
      seal: null,
    };
    expect(examineServer(report, 22).mend).toBeNull();
    expect(examineServer(report, 23)).toMatchObject({
      found: "db:5432/auth allows 22 connections, and this instance alone may take 23",
      mend: expect.stringContaining("lower SALLYPORT_DATABASE_CONNECTIONS"),
    });
  });
});
