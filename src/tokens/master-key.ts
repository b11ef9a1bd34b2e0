/**
 * The master keys: they encrypt the signing keys in the database (JWE, RFC 7516:
 * `dir`, A256GCM). The first encrypts, all decrypt, so that one can follow another.
 */
import { createHash } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompactEncrypt, compactDecrypt } from "jose";
import { decodeBase64Url, encodeBase64Url } from "../lib/base64url.ts";
import { fileFault } from "../lib/file-fault.ts";
import type { Random } from "../lib/random.ts";

/** Encrypts and decrypts under the master keys. */
export type MasterKeys = {
  readonly encrypt: (plaintext: Uint8Array) => Promise<string>;
  /** @throws MasterKeyError if none of the keys fits. */
  readonly decrypt: (jwe: string) => Promise<Uint8Array>;
};

/** A master key that is missing or does not fit; the message says what to do. */
export class MasterKeyError extends Error {
  override readonly name = "MasterKeyError";
}

type MasterKeySource = {
  /** From the settings: 32 bytes each, base64url; none to use the file. */
  readonly stated: readonly string[];
  readonly dataDir: string;
  /** Whether a file may be made: only for a database that holds no keys yet. */
  readonly mayCreate: boolean;
  readonly random: Random;
};

/**
 * The master keys from the settings, or from `master.key` in the data folder.
 * @throws MasterKeyError if there is none and none may be made, or the file is not a key.
 */
export function loadMasterKeys({ stated, dataDir, mayCreate, random }: MasterKeySource): MasterKeys {
  if (stated.length > 0) return createMasterKeys(stated.map((text) => parseKey(text, "SALLYPORT_MASTER_KEY")));
  const file = keyFileIn(dataDir);
  if (!existsSync(file)) {
    if (!mayCreate) {
      throw new MasterKeyError(
        `the database holds keys, but ${file} is missing; put it back or set SALLYPORT_MASTER_KEY (without it every user must log in again, from a new database)`,
      );
    }
    orExplain("made", file, () => createKeyFile(file, random));
  }
  return createMasterKeys([parseKey(readKeyFile(file), file)], file);
}

/**
 * Refuses a folder that has a master key but no database, or an empty one: the key
 * is made after the database, so that was lost, and its users with it. Not even then
 * is there a silent new one. Nor does it err where others start at the same moment:
 * it looks for the key first.
 * @throws MasterKeyError
 */
export function refuseLostDatabase(dataDir: string, databaseFile: string): void {
  if (!existsSync(keyFileIn(dataDir))) return;
  const size = statSync(databaseFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0) return;
  throw new MasterKeyError(
    `${dataDir} holds a master key, but its database ${databaseFile} is missing or empty; restore that from a backup and run \`sallyport restored\`, or begin anew, without any user: sallyport migrate --new`,
  );
}

const keyFileIn = (dataDir: string) => join(dataDir, "master.key");

/** The text of a key file that nobody but its owner can read. */
function readKeyFile(file: string): string {
  return orExplain("read", file, () => {
    const status = statSync(file);
    if (!status.isFile()) throw new MasterKeyError(`${file} is no file; put the master key there, or move it away`);
    const mode = status.mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new MasterKeyError(`others can reach ${file} (mode ${mode.toString(8)}); run: chmod 600 ${file}`);
    }
    return readFileSync(file, "utf8").trim();
  });
}

function orExplain<T>(what: "made" | "read", file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const told = fileFault(error);
    if (told === null) throw error;
    throw new MasterKeyError(`${file} cannot be ${what}: ${told}, or set SALLYPORT_MASTER_KEY`, { cause: error });
  }
}

/** Master keys of 32 bytes each; `file` is where they were read, if it was a file. */
export function createMasterKeys(keys: readonly Uint8Array[], file: string | null = null): MasterKeys {
  const otherwise = file === null ? "" : `, or put it into ${file}`;
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  return {
    async encrypt(plaintext) {
      const [kid, key] = [...byId][0] ?? [];
      if (kid === undefined || key === undefined) throw new MasterKeyError("there is no master key");
      return new CompactEncrypt(plaintext).setProtectedHeader({ alg: "dir", enc: "A256GCM", kid }).encrypt(key);
    },
    async decrypt(jwe) {
      const { plaintext } = await compactDecrypt(
        jwe,
        ({ kid }) => {
          const key = typeof kid === "string" ? byId.get(kid) : undefined;
          if (key !== undefined) return key;
          throw new MasterKeyError(
            `the database's keys are encrypted under master key ${kid}, which is not among those given (${[...byId.keys()].join(", ")}); set SALLYPORT_MASTER_KEY to it${otherwise}`,
          );
        },
        { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] },
      );
      return plaintext;
    },
  };
}

/** Says which key it is without saying anything about the key. */
function idOf(key: Uint8Array): string {
  return createHash("sha256").update("sallyport master key id\0").update(key).digest("base64url").slice(0, 12);
}

function parseKey(text: string, source: string): Uint8Array {
  const key = decodeBase64Url(text);
  if (key?.length !== 32) throw new MasterKeyError(`${source} must hold 32 bytes in base64url: 43 characters`);
  return key;
}

/** Makes the file whole or not at all; if another process was first, its file stays. */
function createKeyFile(file: string, random: Random): void {
  const draft = `${file}.${random.id("draft")}`;
  try {
    writeFileSync(draft, `${encodeBase64Url(random.bytes(32))}\n`, { mode: 0o600, flag: "wx", flush: true });
    linkSync(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
