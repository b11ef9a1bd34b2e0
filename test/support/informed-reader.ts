/** A reader that was told a snapshot, and what must be so when it is told what cannot be. */
import { randomUUIDv7 } from "node:crypto";
import { expect } from "vitest";
import type { LogEntry } from "../../src/check/knowledge.ts";
import { FeedBroken } from "../../src/verifier/feed-reader.ts";
import { at, createListener, type createTeller, FORGOTTEN_AT } from "./told-feed.ts";

/** A session of nobody's has ended. */
export const ended = (): LogEntry => ({
  kind: "session_ended",
  sessionId: `ses_${randomUUIDv7()}`,
  expiresAt: FORGOTTEN_AT,
});

/** Tokens below this epoch, of a user who is nobody, are void. */
export const raised = (epoch: number): LogEntry => ({
  kind: "user_epoch",
  userId: `usr_${randomUUIDv7()}`,
  epoch,
  expiresAt: FORGOTTEN_AT,
});

/** The roles that every snapshot has. */
export const ROLES = [
  { name: "admin", grants: ["*"] },
  { name: "clerk", grants: ["orders:read"] },
];

/** A listener that has been told a snapshot at revision 5; its call goes on. */
export async function informedBy(teller: ReturnType<typeof createTeller>) {
  const listener = createListener();
  const read = listener.call();
  const messages = await teller.snapshot(at(5), ROLES, [ended(), ended(), raised(2)]);
  for (const message of [teller.started(), ...messages, teller.checkpoint(at(5))]) read(message);
  return { ...listener, read };
}

/** Expects that the message is refused, and that nothing is known or told that was not before. */
export function expectBroken(
  { state, changes, confirmed }: Awaited<ReturnType<typeof informedBy>>,
  act: () => void,
): void {
  const before = [state(), changes.length, confirmed.length];
  expect(act).toThrow(FeedBroken);
  expect([state(), changes.length, confirmed.length]).toEqual(before);
}
