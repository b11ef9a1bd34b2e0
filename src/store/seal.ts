/**
 * The seal on a database that must not serve: one that was copied elsewhere, so that the two cannot both serve; or one
 * that a copy did not fill to its end, so that nobody begins anew in it by mistake. Where it was copied elsewhere, the
 * database itself refuses every change, too, whoever asks for it and however long they have had it open.
 */
import { Refusal } from "../errors.ts";
import { eraseMeta, readMeta, writeMeta } from "./queries/meta.ts";
import type { Queries, Store } from "./store.ts";

/** Why a database must not serve. */
export type Seal = {
  readonly state: "copied" | "unfinished";
  /** The other side of the copy: a folder, or host, port and database. */
  readonly other: string;
  /** Since when, in milliseconds. */
  readonly at: number;
};

/** What the database says of whatever would change it. */
export const SEALED = "the database was copied elsewhere, and is sealed";

/** A database that must not serve; the message says why, and what to do. */
export class SealedDatabase extends Error {
  override readonly name = "SealedDatabase";

  /** @param argument how the database is named on the command line. */
  constructor(seal: Seal, argument = "--help") {
    super(`${explainSeal(seal)}; ${adviceOn(seal, argument)}`);
  }
}

/** What a seal means. */
export function explainSeal({ state, other, at }: Seal): string {
  const time = new Date(at).toISOString();
  if (state === "unfinished")
    return `this database is empty: the copy from ${other}, begun at ${time}, was not finished`;
  return `this database was copied to ${other} at ${time}, and is sealed so that the two cannot both serve`;
}

/** What to do about a seal. `argument`: how the database is named on the command line. */
export function adviceOn({ state }: Seal, argument: string): string {
  const first = state === "unfinished" ? "run that again" : "serve from there";
  const given = state === "unfinished" ? "to begin anew in it" : "if that copy is given up";
  return `${first}, or, ${given}, run: sallyport db unseal ${argument}`;
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

/** Seals; where it was copied elsewhere, the engine must see to it that nothing changes any more. */
export async function writeSeal(db: Queries, seal: Seal): Promise<void> {
  await writeMeta(db, "seal", JSON.stringify(seal));
}

/** Takes the seal away. */
export async function eraseSeal(db: Queries): Promise<void> {
  await eraseMeta(db, "seal");
}

/** The seal out of the text that is kept of it; `null` of none. */
export function parseSeal(text: string | null): Seal | null {
  if (text === null) return null;
  const seal: unknown = JSON.parse(text);
  if (typeof seal !== "object" || seal === null) throw new Error("the seal in the database is none");
  const { state, other, at } = { state: null, other: null, at: null, ...seal };
  return { state: state === "unfinished" ? "unfinished" : "copied", other: String(other), at: Number(at) };
}

/** Reads that are refused with UNAVAILABLE once the database is sealed: what they told would be of the past. */
export function unlessSealed(read: Store["read"], isSealed: () => boolean): Store["read"] {
  return async function readUnlessSealed(work, patience) {
    if (isSealed()) throw new Refusal("UNAVAILABLE", { cause: new Error(SEALED) });
    return read(work, patience);
  };
}
