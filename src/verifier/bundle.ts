/**
 * A snapshot on disk, so that a service can start while Sallyport is down.
 *
 * The file holds the messages of a feed, from `started` to a checkpoint, behind an HMAC-SHA-256
 * (RFC 2104) whose key is derived (HKDF, RFC 5869) from the API key and where Sallyport is: only
 * the same service can have written it, and only for the same Sallyport. Session ids are in it, and
 * no secret.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { type WatchResponse, WatchResponseSchema } from "../../gen/sallyport/auth/v1/verifier_service_pb.ts";

/** A bundle that must not be used, and why. */
export class BundleRefused extends Error {
  override readonly name = "BundleRefused";
}

/** Reads and writes one bundle. */
export type BundleFile = {
  /** The messages, or `null` if there is no file. @throws BundleRefused, and what the file system throws. */
  readonly read: () => Promise<readonly WatchResponse[] | null>;
  /** Puts another in its place, whole or not at all. @throws what the file system throws. */
  readonly write: (messages: AsyncIterable<WatchResponse>) => Promise<void>;
};

const MAGIC = Buffer.from("sallyport bundle 1\n");
const SALT_BYTES = 16;
const MAC_BYTES = 32;
const HEAD_BYTES = MAGIC.length + SALT_BYTES + MAC_BYTES;

/** The bundle of the service with this API key, in `file`. */
export function createBundleFile(file: string, apiKey: string, baseUrl: string): BundleFile {
  const macUnder = (salt: Uint8Array) => {
    const key = hkdfSync("sha256", apiKey, salt, `sallyport verifier bundle\n${new URL(baseUrl).origin}`, 32);
    return createHmac("sha256", Buffer.from(key));
  };

  async function read(): Promise<readonly WatchResponse[] | null> {
    const bytes = await readFile(file).catch(nullIfMissing);
    if (bytes === null) return null;
    if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
      throw new BundleRefused(`${file} is no bundle of a verifier; delete it`);
    const salt = bytes.subarray(MAGIC.length, MAGIC.length + SALT_BYTES);
    const body = bytes.subarray(HEAD_BYTES);
    if (!timingSafeEqual(macUnder(salt).update(body).digest(), bytes.subarray(HEAD_BYTES - MAC_BYTES, HEAD_BYTES)))
      throw new BundleRefused(`${file} was changed, or written under another API key or for another URL; delete it`);
    const reader = new BinaryReader(body);
    const messages: WatchResponse[] = [];
    while (reader.pos < reader.len) messages.push(fromBinary(WatchResponseSchema, reader.bytes()));
    return messages;
  }

  async function write(messages: AsyncIterable<WatchResponse>): Promise<void> {
    const salt = randomBytes(SALT_BYTES);
    const mac = macUnder(salt);
    const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.appendFile(Buffer.concat([MAGIC, salt, Buffer.alloc(MAC_BYTES)]));
      for await (const message of messages) {
        const piece = new BinaryWriter().bytes(toBinary(WatchResponseSchema, message)).finish();
        mac.update(piece);
        await handle.appendFile(piece);
      }
      await handle.write(mac.digest(), 0, MAC_BYTES, HEAD_BYTES - MAC_BYTES);
      await handle.sync();
      await handle.close();
      await rename(draft, file);
    } catch (error) {
      await handle.close().catch(() => {});
      await rm(draft, { force: true });
      throw error;
    }
  }

  return { read, write };
}

function nullIfMissing(error: unknown): null {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
  throw error;
}
