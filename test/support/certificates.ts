/** Certificates made on the spot: authorities, and what they sign for servers and clients. */
import "./no-metadata.ts";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { onTestFinished } from "vitest";
import type { TlsFiles } from "../../src/server/tls-files.ts";
import { temporaryFolder } from "./app.ts";

/** A certificate and its private key, in PEM. */
export type Pair = { readonly cert: string; readonly key: string };

/** What a certificate says. */
export type Stated = {
  /** The subject, as in `CN=orders, O=Example`. */
  readonly subject?: string;
  readonly names?: JsonGeneralNames;
  /** What it is for; nothing stated: for anything. */
  readonly usage?: "server" | "client";
  readonly notBefore?: Date;
  readonly notAfter?: Date;
};

/** Somebody who signs certificates. */
export type Authority = { readonly cert: string; readonly issue: (stated?: Stated) => Promise<Pair> };

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const USAGES = { server: ExtendedKeyUsage.serverAuth, client: ExtendedKeyUsage.clientAuth };
const HOUR = 3_600_000;
let serial = 1;

/** Times around the present. */
export const hoursFromNow = (hours: number): Date => new Date(Date.now() + hours * HOUR);

/** An authority with a key of its own. Two of one name are strangers to each other. */
export async function createAuthority(name = "Test Authority"): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: `CN=${name}`,
    notBefore: hoursFromNow(-48),
    notAfter: hoursFromNow(48),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    cert: certificate.toString("pem"),
    async issue({ subject = "CN=somebody", names = [], usage, notBefore, notAfter } = {}) {
      const own = await newKeys();
      const issued = await X509CertificateGenerator.create({
        serialNumber: nextSerial(),
        subject,
        issuer: certificate.subject,
        notBefore: notBefore ?? hoursFromNow(-1),
        notAfter: notAfter ?? hoursFromNow(24),
        signingAlgorithm: ALGORITHM,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false),
          ...(usage ? [new ExtendedKeyUsageExtension([USAGES[usage]])] : []),
          ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
        ],
      });
      const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", own.privateKey));
      return { cert: issued.toString("pem"), key: pem("PRIVATE KEY", der) };
    },
  };
}

/** A certificate for servers at 127.0.0.1 and localhost. */
export function issueServer(authority: Authority, stated: Stated = {}): Promise<Pair> {
  const names: JsonGeneralNames = [
    { type: "dns", value: "localhost" },
    { type: "ip", value: "127.0.0.1" },
  ];
  return authority.issue({ subject: "CN=localhost", names, usage: "server", ...stated });
}

/** Files in a folder of their own, and a way to write them anew. */
export type WrittenFiles = {
  readonly files: TlsFiles;
  readonly write: (pair: Pair, clientCa?: string) => void;
};

/** Writes a pair, and authorities of clients if given, into a folder that is removed when the test is over. */
export function writeTlsFiles(pair: Pair, clientCa?: string): WrittenFiles {
  const folder = join(temporaryFolder(), "tls");
  mkdirSync(folder);
  onTestFinished(() => rmSync(join(folder, ".."), { recursive: true, force: true }));
  const certFile = join(folder, "server.crt");
  const keyFile = join(folder, "server.key");
  const caFile = join(folder, "clients.crt");
  const write = (next: Pair, ca?: string) => {
    writeFileSync(certFile, next.cert);
    writeFileSync(keyFile, next.key, { mode: 0o600 });
    chmodSync(keyFile, 0o600);
    if (ca !== undefined) writeFileSync(caFile, ca);
  };
  write(pair, clientCa);
  return { files: { certFile, keyFile, clientCaFile: clientCa === undefined ? null : caFile }, write };
}

/** The files as settings. */
export function tlsSettings({ certFile, keyFile, clientCaFile }: TlsFiles): Record<string, string> {
  return {
    SALLYPORT_TLS_CERT_FILE: certFile,
    SALLYPORT_TLS_KEY_FILE: keyFile,
    ...(clientCaFile !== null && { SALLYPORT_TLS_CLIENT_CA_FILE: clientCaFile }),
  };
}

function newKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function nextSerial(): string {
  serial += 1;
  return serial.toString(16).padStart(16, "0");
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
