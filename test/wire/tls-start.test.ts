/** Settings and files of TLS that keep a server from starting, and what it tells the operator then. */

import { generateKeyPairSync } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ConfigError, readConfig } from "../../src/config.ts";
import { openTlsFiles } from "../../src/server/tls.ts";
import { isOpenToOthers, type TlsFiles } from "../../src/server/tls-files.ts";
import { temporaryFolder } from "../support/app.ts";
import {
  type Authority,
  createAuthority,
  issueServer,
  type Pair,
  tlsSettings,
  writeTlsFiles,
} from "../support/certificates.ts";
import { runCommand, startServerProcess } from "../support/server-process.ts";
import { askTls1 } from "../support/wire-tls.ts";

let authority: Authority;
let pair: Pair;
beforeAll(async () => {
  authority = await createAuthority();
  pair = await issueServer(authority);
});

const CERT = "SALLYPORT_TLS_CERT_FILE";
const KEY = "SALLYPORT_TLS_KEY_FILE";
const CLIENT_CA = "SALLYPORT_TLS_CLIENT_CA_FILE";

function faultsOf(settings: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfig(settings);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.faults : [String(error)];
  }
}

describe("The settings of TLS", () => {
  test.each([
    [{ [CERT]: "a" }, [`${KEY} must be set where ${CERT} is`]],
    [{ [KEY]: "a" }, [`${CERT} must be set where ${KEY} is`]],
    [{ [CLIENT_CA]: "a" }, [`${CERT} must be set where ${CLIENT_CA} is`, `${KEY} must be set where ${CLIENT_CA} is`]],
    [{ [CERT]: "a", [CLIENT_CA]: "a" }, [`${KEY} must be set where ${CERT} is`]],
    [{ [KEY]: "a", [CLIENT_CA]: "a" }, [`${CERT} must be set where ${KEY} is`]],
  ])("are refused by halves: %j", (settings, faults) => {
    expect(faultsOf(settings)).toEqual(faults);
    expect(faultsOf({ ...settings, SALLYPORT_PORT: "x", SALLYPORT_PROT: "1" })).toHaveLength(faults.length + 2);
  });

  test("make the issuer https where none is stated", () => {
    const tls = { [CERT]: "a", [KEY]: "b" };
    expect(readConfig(tls)).toMatchObject({
      issuer: "https://127.0.0.1:8080",
      tls: { certFile: "a", keyFile: "b", clientCaFile: null },
    });
    expect(readConfig({ ...tls, SALLYPORT_ISSUER: "http://auth.example" }).issuer).toBe("http://auth.example");
    expect(readConfig({}).issuer).toBe("http://127.0.0.1:8080");
  });
});

describe("A file of TLS", () => {
  let files: TlsFiles & { readonly clientCaFile: string };
  beforeEach(() => {
    const written = writeTlsFiles(pair, authority.cert).files;
    files = { ...written, clientCaFile: written.clientCaFile ?? "" };
  });

  const rsa = (modulusLength: number) =>
    generateKeyPairSync("rsa", {
      modulusLength,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    }).privateKey;
  const locked = () =>
    generateKeyPairSync("ec", {
      namedCurve: "P-256",
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "sesame" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    }).privateKey;

  type Files = typeof files;
  const BROKEN: readonly (readonly [string, (at: Files) => void, (at: Files) => string])[] = [
    ["certificate is not there", (at) => rmSync(at.certFile), (at) => `${CERT}: ${at.certFile} is not there`],
    ["key is not there", (at) => rmSync(at.keyFile), (at) => `${KEY}: ${at.keyFile} is not there`],
    ["authorities are not there", (at) => rmSync(at.clientCaFile), (at) => `${CLIENT_CA}: ${at.clientCaFile} is not`],
    ["key is a folder", (at) => toFolder(at.keyFile), (at) => `${KEY}: ${at.keyFile} is a folder; name a file in it`],
    ["certificate is empty", (at) => writeFileSync(at.certFile, ""), (at) => `${at.certFile} holds no certificate`],
    ["certificate is a key", (at) => writeFileSync(at.certFile, pair.key), (at) => `${at.certFile} holds no certif`],
    ["certificate is cut", (at) => writeFileSync(at.certFile, pair.cert.slice(0, 300)), (at) => `${at.certFile} holds`],
    ["certificate is damaged", (at) => writeFileSync(at.certFile, damaged(pair)), (at) => `in ${at.certFile} cannot`],
    [
      "chain is damaged",
      (at) => writeFileSync(at.certFile, pair.cert + damaged(pair)),
      (at) => `in ${at.certFile} can`,
    ],
    ["authorities are none", (at) => writeFileSync(at.clientCaFile, "all"), (at) => `${at.clientCaFile} holds no cer`],
    ["key is empty", (at) => writeFileSync(at.keyFile, ""), (at) => `${KEY}: ${at.keyFile} holds no private key`],
    ["key is a certificate", (at) => writeFileSync(at.keyFile, pair.cert), (at) => `${at.keyFile} holds no private`],
    ["key is locked", (at) => writeFileSync(at.keyFile, locked()), (at) => `openssl pkey -in ${at.keyFile}`],
    ["key is another's", (at) => writeFileSync(at.keyFile, rsa(2048)), (at) => `${at.keyFile} is not the key of`],
    ["key is open to the group", (at) => chmodSync(at.keyFile, 0o640), (at) => `run: chmod 600 ${at.keyFile}`],
    ["key is open to all", (at) => chmodSync(at.keyFile, 0o604), (at) => `(mode 604); run: chmod 600 ${at.keyFile}`],
  ];

  test.each(BROKEN)("stops the start if the %s, and is named", async (_what, spoil, said) => {
    await expect(openTlsFiles(files)).resolves.toMatchObject({ material: { cert: pair.cert } });
    spoil(files);
    await expect(openTlsFiles(files)).rejects.toThrow(said(files));
    await expect(openTlsFiles(files)).rejects.toMatchObject({ name: "TlsFileError" });
  });

  test("tells nothing of what is in it", async () => {
    writeFileSync(files.keyFile, "sesame-open-yourself");
    const error = await openTlsFiles(files).catch(String);
    expect(error).not.toContain("sesame");
  });

  test("is named together with all others that cannot be used", async () => {
    for (const file of Object.values(files)) rmSync(file);
    const error = await openTlsFiles(files).catch(String);
    for (const name of [CERT, KEY, CLIENT_CA]) expect(error).toContain(`${name}: `);
  });

  test("stops the server before it touches anything", async () => {
    const nowhere = join(temporaryFolder(), "never-made");
    onTestFinished(() => rmSync(join(nowhere, ".."), { recursive: true }));
    chmodSync(files.keyFile, 0o644);
    const settings = { ...tlsSettings(files), SALLYPORT_DATA_DIR: nowhere };
    const { code, stdout, stderr } = await runCommand(["serve"], settings);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      `sallyport: ${KEY}: others can reach ${files.keyFile} (mode 644); run: chmod 600 ${files.keyFile}\n`,
    );
    expect(existsSync(nowhere)).toBe(false);
  });

  test("that is good lets the server start, which says so, and ends well", async () => {
    const data = temporaryFolder();
    onTestFinished(() => rmSync(data, { recursive: true }));
    const settings = { ...tlsSettings({ ...files, clientCaFile: null }), SALLYPORT_DATA_DIR: data };
    const server = await startServerProcess(settings);
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const port = Number(new URL(server.url).port);
    expect((await askTls1(port, { ca: authority.cert }, { path: "/readyz" })).status).toBe(200);
    expect(server.output().stderr).toContain('"event":"certificate_loaded"');
    expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

describe("A private key's file", () => {
  const SELF = 1000;
  test.each([
    [0o600, SELF, false],
    [0o400, SELF, false],
    [0o640, SELF, true],
    [0o604, SELF, true],
    [0o620, SELF, true],
    [0o644, SELF, true],
    // As Kubernetes mounts a secret: root's, and readable by the group of whoever runs there.
    [0o640, 0, false],
    [0o440, 0, false],
    [0o644, 0, true],
    [0o660, 0, true],
    [0o650, 0, true],
  ])("of mode %o that belongs to %i: is it open to others? %s", (mode, uid, isOpen) => {
    expect(isOpenToOthers({ uid, mode: 0o100_000 | mode }, SELF)).toBe(isOpen);
  });
});

function toFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}

/** Well-formed PEM around what is no certificate. */
function damaged({ cert }: Pair): string {
  const lines = cert.trimEnd().split("\n");
  return `${[lines[0], ...lines.slice(2)].join("\n")}\n`;
}
