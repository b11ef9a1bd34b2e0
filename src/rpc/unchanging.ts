/**
 * Messages that never change: whoever answers with the same one again and again, may have it written once. What was written
 * stays with the message, and both go together.
 */
import type { Message } from "@bufbuild/protobuf";

/** How a message was written; `null` as long as nobody has. */
export type Written = { binary: Uint8Array | null; json: string | null };

const WRITTEN = Symbol("written");

/** Anything that may be such a message. */
export type MaybeUnchanging = { readonly [WRITTEN]?: Written };

/** The message, which from now on cannot be changed, nor can its parts and lists. They must be its own, and have no parts themselves. */
export function unchanging<T extends Message>(message: T): T {
  for (const part of Object.values(message)) Object.freeze(part);
  const written: Written = { binary: null, json: null };
  // Nobody enumerates it: a copy that somebody makes of the message, to change it, is without.
  return Object.freeze(Object.defineProperty(message, WRITTEN, { value: written }));
}

/** Where to keep how a message was written, if it never changes. */
export function writtenOf(message: MaybeUnchanging): Written | undefined {
  return message[WRITTEN];
}
