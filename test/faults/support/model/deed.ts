/** Something that is done to the service and to the reference alike. */
import type { Lab } from "./lab.ts";
import type { World } from "./world.ts";

/** What a call led to, in a shape in which the service's and the reference's can be held against each other. */
export type Outcome = { readonly done: unknown } | { readonly refused: string };

/** What the service answered, and what it made up on the way. */
export type Seen = {
  readonly outcome: Outcome;
  readonly made?: {
    readonly accessToken?: string;
    readonly refreshToken?: string;
    readonly sessionId?: string;
    readonly userId?: string;
    readonly apiKey?: string;
    readonly kids?: readonly string[];
  };
};

/** What the reference says must be answered. */
export type Expected = {
  readonly outcome: Outcome;
  /** Takes over what the service made up, once its answer was found to be this one. */
  readonly learn?: (made: NonNullable<Seen["made"]>) => void;
};

/** A deed on things that are there. */
export type Deed = {
  /** Does it in the reference, which it changes. */
  readonly expect: (world: World) => Expected;
  /** The same where the caller was let in before something else happened, and is not asked for its credential again. */
  readonly expectAfter?: (before: World, world: World) => Expected;
  /** Does it at one of the instances. */
  readonly carryOut: (lab: Lab, instance: number) => Promise<Seen>;
  /** Whose tokens it voids, if it succeeds: a login that overlaps it may be refused. */
  readonly voids?: string;
  /** Who is being logged in by it. */
  readonly logsIn?: string;
  /** What it decides that nobody can look at, and how: the last to do so counts. */
  readonly writes?: { readonly what: string; readonly value: string };
};

/** Something to do, as it is drawn by lot; a deed once it is known what there is, or `null` if there is nothing for it. */
export type Action = { readonly text: string; readonly deed: (world: World) => Deed | null };

/** Refused, and nothing changes. */
export function refused(reason: string): Expected {
  return { outcome: { refused: reason } };
}

/** Done, with nothing to tell of it. */
export const DONE: Expected = { outcome: { done: null } };
