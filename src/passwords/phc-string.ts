/** What an argon2 hash was made with. Sizes in bytes unless named otherwise. */
export type Argon2Parameters = {
  readonly type: string;
  readonly version: number;
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  readonly saltLength: number;
  readonly tagLength: number;
};

/** Hashes from before there was a version field are of version 1.0. */
const UNSTATED_VERSION = 0x10;

const PHC =
  /^\$(?<type>argon2(?:id|i|d))(?:\$v=(?<version>\d{1,3}))?\$(?<cost>[mtp]=\d{1,10}(?:,[mtp]=\d{1,10}){2})\$(?<salt>[A-Za-z0-9+/]{11,86})\$(?<tag>[A-Za-z0-9+/]{22,171})$/;

/**
 * Reads the parameters out of an argon2 hash in the PHC string format, in whatever order
 * they are, `null` if it is none. Salts below 8 bytes (RFC 9106 section 3.1) and tags
 * below 16 are no hash worth the name, but what is left of one that was damaged.
 */
export function parseArgon2Phc(encoded: string): Argon2Parameters | null {
  const { type, version, cost, salt, tag } = PHC.exec(encoded)?.groups ?? {};
  if (type === undefined || cost === undefined || salt === undefined || tag === undefined) return null;
  const costs = new Map(cost.split(",").map((part) => [part.charAt(0), Number(part.slice(2))]));
  const [memoryKiB, passes, lanes] = [costs.get("m"), costs.get("t"), costs.get("p")];
  if (memoryKiB === undefined || passes === undefined || lanes === undefined) return null;
  return {
    type,
    version: version === undefined ? UNSTATED_VERSION : Number(version),
    memoryKiB,
    passes,
    lanes,
    saltLength: Buffer.byteLength(salt, "base64"),
    tagLength: Buffer.byteLength(tag, "base64"),
  };
}

/**
 * The same hash with its parameters as m, t, p. The argon2 package writes m, p, t, which
 * the reference implementation, and whatever is built on it, does not read.
 */
export function inReferenceOrder(encoded: string): string {
  return encoded.replace(/(m=\d+),(p=\d+),(t=\d+)/, "$1,$3,$2");
}
