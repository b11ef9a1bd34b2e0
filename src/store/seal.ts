/**
 * The seal on a database that was copied elsewhere, so that the two cannot both serve: it says where the copy is, and
 * has the database itself refuse every change, whoever asks for it and whatever their version.
 */
import { Refusal } from "../errors.ts";
import { eraseMeta, readMeta, writeMeta } from "./queries/meta.ts";
import type { Queries, Store } from "./store.ts";

/** Where the copy is, and since when. */
export type Seal = {
  /** A folder, or host, port and database. */
  readonly to: string;
  /** In milliseconds. */
  readonly at: number;
};

/** What the database says of whatever would change it. */
export const SEALED = "the database was copied elsewhere, and is sealed";

/** A database that must not serve; the message says where the copy is, and how to take back the seal. */
export class SealedDatabase extends Error {
  override readonly name = "SealedDatabase";

  /** @param argument how the database is named on the command line. */
  constructor(seal: Seal, argument = "--help") {
    super(`${explainSeal(seal)}; ${adviceOn(argument)}`);
  }
}

/** What a seal means. */
export function explainSeal({ to, at }: Seal): string {
  return `this database was copied to ${to} at ${new Date(at).toISOString()}, and is sealed so that the two cannot both serve`;
}

/** What to do about a seal. `argument`: how the database is named on the command line. */
export function adviceOn(argument: string): string {
  return `serve from there, or, if that copy is given up, run: sallyport db unseal ${argument}`;
}

/** The seal, or `null`. */
export async function readSeal(db: Queries): Promise<Seal | null> {
  return parseSeal(await readMeta(db, "seal"));
}

/** Refuses a database that is sealed. @throws SealedDatabase. */
export async function refuseSealed(db: Queries, argument: string): Promise<void> {
  const seal = await readSeal(db);
  if (seal !== null) throw new SealedDatabase(seal, argument);
}

/** Says where the copy is; the engine must see to it that nothing changes any more. */
export async function writeSeal(db: Queries, seal: Seal): Promise<void> {
  await writeMeta(db, "seal", JSON.stringify(seal));
}

/** Forgets the copy. */
export async function eraseSeal(db: Queries): Promise<void> {
  await eraseMeta(db, "seal");
}

/** The seal out of the text that is kept of it; `null` of none. */
export function parseSeal(text: string | null): Seal | null {
  if (text === null) return null;
  const seal: unknown = JSON.parse(text);
  if (typeof seal !== "object" || seal === null || !("to" in seal) || !("at" in seal)) throw new Error("a bad seal");
  return { to: String(seal.to), at: Number(seal.at) };
}

/** Reads that are refused with UNAVAILABLE once the database is sealed: what they told would be of the past. */
export function unlessSealed(read: Store["read"], isSealed: () => boolean): Store["read"] {
  return async function readUnlessSealed(work) {
    if (isSealed()) throw new Refusal("UNAVAILABLE", { cause: new Error(SEALED) });
    return read(work);
  };
}
