import type { Readable } from "node:stream";

/** What was read of the body of a request. */
export type Body = {
  readonly bytes: Uint8Array;
  /** False if there is more than the bound, or is going to be, and the rest is unread. */
  readonly isWhole: boolean;
};

/** How far to read. */
export type BodyBounds = {
  readonly maxBytes: number;
  /** Whether a body that begins so is going to be more than that. */
  readonly isHopeless: (beginning: Uint8Array) => boolean;
};

const NOTHING = Buffer.alloc(0);

/**
 * Reads a body of up to `maxBytes`, and calls back once; never, if the client goes
 * away in the middle.
 */
export function collectBody(source: Readable, { maxBytes, isHopeless }: BodyBounds, done: (body: Body) => void): void {
  let first: Buffer = NOTHING;
  let all: Buffer[] | null = null;
  let length = 0;

  function take(chunk: Buffer): void {
    length += chunk.length;
    if (first.length === 0) first = chunk;
    else if (all === null) all = [first, chunk];
    else all.push(chunk);
    if (length > maxBytes || (all === null && isHopeless(first))) finish(false);
  }

  function end(): void {
    finish(true);
  }

  function finish(isWhole: boolean): void {
    source.off("data", take);
    source.off("end", end);
    if (!isWhole) source.pause();
    done({ bytes: all === null ? first : Buffer.concat(all), isWhole });
  }

  source.on("data", take);
  source.on("end", end);
}
