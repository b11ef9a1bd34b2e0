import { LIMITS } from "../../config.ts";
import { type BodySource, hasArrived, isCutOff } from "../request-body.ts";
import { FRAME_PREFIX_BYTES } from "./envelope.ts";

/** What was read of the body of a request. */
export type Body = {
  readonly bytes: Buffer;
  /** False if it is none of the common kind. What is to come of it is still unread. */
  readonly isWhole: boolean;
};

/**
 * Whether a body is of the common kind, as far as that can be told.
 * @param held begins with what has come of it.
 * @param length how much that is, in bytes.
 */
export type IsCommon = (held: Buffer, length: number) => boolean;

const NOTHING = Buffer.alloc(0);

/** A message within the bound. */
export function isBareMessage(_held: Buffer, length: number): boolean {
  return length <= LIMITS.requestBytes;
}

/** One frame without flags, and no more; a message within the bound. */
export function isOneFrame(held: Buffer, length: number): boolean {
  if (length < FRAME_PREFIX_BYTES) return true;
  const announced = held.readUInt32BE(1);
  return held[0] === 0 && announced <= LIMITS.requestBytes && length <= FRAME_PREFIX_BYTES + announced;
}

/**
 * A body of which all is there already, as most are by the time that their call begins; it is taken from the stream then.
 * `null` for any other.
 */
export function arrivedBody(source: BodySource): Buffer | null {
  if (!hasArrived(source) || isCutOff(source)) return null;
  const bytes: Buffer | null = source.read();
  // Node takes a stream that was neither paused nor read on for one that nobody wants, and closes it once it is answered.
  source.pause();
  return bytes ?? NOTHING;
}

/**
 * Reads a body, and calls back once: at its end, or as soon as it is not of the
 * common kind; never, if the client goes away before.
 */
export function collectBody(source: BodySource, isCommon: IsCommon, done: (body: Body) => void): void {
  let held: Buffer = NOTHING;
  let length = 0;

  function take(chunk: Buffer): void {
    // Most bodies come in one piece. Pieces are not kept one by one: of a byte each, they would weigh a hundred times it.
    if (length === 0) held = chunk;
    else {
      if (held.length < length + chunk.length) held = grown(held, length + chunk.length);
      chunk.copy(held, length);
    }
    length += chunk.length;
    if (!isCommon(held, length)) finish(false);
  }

  function end(): void {
    if (!isCutOff(source)) finish(true);
  }

  function finish(isWhole: boolean): void {
    // After its end nothing comes of it, and nobody needs to stop listening.
    if (!isWhole) {
      source.off("data", take);
      source.off("end", end);
      source.pause();
    }
    done({ bytes: held.length === length ? held : held.subarray(0, length), isWhole });
  }

  source.on("data", take);
  source.on("end", end);
}

/** The same bytes, with room for as many again, so that each is moved a few times only. */
function grown(held: Buffer, length: number): Buffer {
  const larger = Buffer.allocUnsafe(2 * length);
  held.copy(larger);
  return larger;
}
