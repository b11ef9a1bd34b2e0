/** What a process with verifiers is told to do, and what it answers. Plain data: it crosses a process boundary. */
import type { webcrypto } from "node:crypto";

/** How many verifiers, of which service. */
export type Staffing = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly audience: string;
  readonly count: number;
};

/** One thing to do; the answer is a number, unless it says otherwise. */
export type Order =
  /** Checks a second, while nothing interrupts them, of tokens that are known, each in a string of its own. */
  | { readonly kind: "check_known"; readonly tokens: readonly string[] }
  /** What bare verifications of the signatures of some tokens take, over what checks take of the others. None was seen before. */
  | { readonly kind: "check_new"; readonly tokens: readonly string[]; readonly jwk: webcrypto.JsonWebKey }
  /** Bytes on the heap and beside it, without garbage. */
  | { readonly kind: "weigh" }
  /** Notes when each verifier refuses those of the tokens that are its own: every `every`th, beginning at its own number. */
  | { readonly kind: "follow"; readonly tokens: readonly string[]; readonly every: number; readonly first: number }
  /** Index and time of each refusal: an array of pairs. */
  | { readonly kind: "refusals" };

/** A token's index, and when it was refused: in milliseconds by a clock that all processes of the machine share. */
export type Refusals = readonly (readonly [number, number])[];

/** The clock that all processes of the machine share. */
export const sharedMs = (): number => Number(process.hrtime.bigint()) / 1e6;
