/**
 * The files that TLS is made of: read at the start, where any fault stops it, and
 * again whenever they change.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Config } from "../config.ts";

/** Where the files are. */
export type TlsFiles = NonNullable<Config["tls"]>;

/** What the port proves itself with, and whose clients it lets in; all PEM. */
export type TlsMaterial = {
  readonly cert: string;
  readonly key: string;
  /** `null`: clients need no certificate. */
  readonly clientCa: string | null;
  /** When the certificate ceases to be valid, in milliseconds since 1970. */
  readonly expiresAt: number;
};

/** Files that cannot be used; one line for each fault, with what to do. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
}

const BLOCKS = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Reads and examines the files. @throws TlsFileError with every fault found. */
export async function readTlsFiles({ certFile, keyFile, clientCaFile }: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, clientCa] = await Promise.allSettled([
    readCertificates("SALLYPORT_TLS_CERT_FILE", certFile),
    readKey("SALLYPORT_TLS_KEY_FILE", keyFile),
    clientCaFile === null ? null : readCertificates("SALLYPORT_TLS_CLIENT_CA_FILE", clientCaFile),
  ]);
  if (cert.status === "rejected" || key.status === "rejected" || clientCa.status === "rejected") {
    throw new TlsFileError([cert, key, clientCa].flatMap(faultOf).join("\n"));
  }
  const material = { cert: cert.value.text, key: key.value, clientCa: clientCa.value?.text ?? null };
  const [first] = cert.value.certificates;
  if (first === undefined || !first.checkPrivateKey(createPrivateKey(material.key))) {
    throw new TlsFileError(
      `${keyFile} is not the key of the first certificate in ${certFile}; put the two that belong together there, the server's certificate before those of its authorities`,
    );
  }
  try {
    createSecureContext({ cert: material.cert, key: material.key, ca: material.clientCa ?? undefined });
  } catch (error) {
    throw new TlsFileError(`TLS cannot be spoken with ${certFile} and ${keyFile}: ${reasonOf(error)}; get a new pair`);
  }
  return { ...material, expiresAt: first.validToDate.getTime() };
}

/**
 * Changes whenever one of the files may have changed, be it written, replaced,
 * opened to others or gone.
 */
export async function markOf({ certFile, keyFile, clientCaFile }: TlsFiles): Promise<string> {
  const files = [certFile, keyFile, ...(clientCaFile === null ? [] : [clientCaFile])];
  const marks = files.map(async (file) => {
    try {
      const { ino, size, mode, mtimeMs, ctimeMs } = await stat(file);
      return [ino, size, mode, mtimeMs, ctimeMs].join(":");
    } catch (error) {
      return reasonOf(error);
    }
  });
  return (await Promise.all(marks)).join(" ");
}

/**
 * True if a key file of this owner and mode is open to more people than it must be:
 * its owner alone, or, where the owner is another (root, as with mounted secrets),
 * also the group that lets us read it.
 */
export function isOpenToOthers({ uid, mode }: { readonly uid: number; readonly mode: number }, self: number): boolean {
  return (mode & (uid === self ? 0o077 : 0o037)) !== 0;
}

async function readCertificates(setting: string, file: string) {
  const text = await read(setting, file);
  const blocks = text.match(BLOCKS) ?? [];
  if (blocks.length === 0) throw new TlsFileError(`${setting}: ${file} holds no certificate; it must be in PEM`);
  try {
    return { text, certificates: blocks.map((block) => new X509Certificate(block)) };
  } catch (error) {
    throw new TlsFileError(
      `${setting}: a certificate in ${file} cannot be read (${reasonOf(error)}); put it there anew`,
    );
  }
}

async function readKey(setting: string, file: string): Promise<string> {
  const text = await read(setting, file);
  const status = await stat(file);
  if (isOpenToOthers(status, process.geteuid?.() ?? 0)) {
    const mode = (status.mode & 0o777).toString(8);
    throw new TlsFileError(`${setting}: others can reach ${file} (mode ${mode}); run: chmod 600 ${file}`);
  }
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw new TlsFileError(
      `${setting}: ${file} is locked by a passphrase, for which nobody is there to ask; unlock it by: openssl pkey -in ${file}`,
    );
  }
  try {
    createPrivateKey(text);
    return text;
  } catch {
    throw new TlsFileError(`${setting}: ${file} holds no private key; it must be in PEM`);
  }
}

async function read(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new TlsFileError(`${setting}: ${file} ${ADVICE.get(code) ?? `cannot be read: ${reasonOf(error)}`}`);
  }
}

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "is not there; put the file there, or mend the setting"],
  ["EACCES", "cannot be read by this user; give the file, and the folders above it, to the one who runs Sallyport"],
  ["EISDIR", "is a folder; name a file in it"],
  ["ENOTDIR", "is not there; put the file there, or mend the setting"],
]);

function faultOf(result: PromiseSettledResult<unknown>): string[] {
  return result.status === "rejected" ? [reasonOf(result.reason)] : [];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
