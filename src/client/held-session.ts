/**
 * The session that the store holds, as this client sees it.
 *
 * Owns the way from text to record and back, and tells listeners what became of the
 * session, whoever changed it. Each change is told once, in order, soon after it was seen,
 * to those who are still listening then.
 */
import { callListener, type OnListenerError } from "./listener-error.ts";
import type { Reason } from "./refusal-reason.ts";
import { decodeRecord, encodeRecord, type SessionRecord } from "./session-record.ts";
import { type SessionStore, SessionStoreError } from "./session-store.ts";

/** A record and the very text that the store holds of it. */
export type Held = { readonly text: string; readonly record: SessionRecord };

/**
 * Why nobody is signed in any more: Sallyport's reason, a logout or `forget` by this client,
 * or something that another tab or process did.
 */
export type SignedOutReason = Reason | "LOGGED_OUT" | "FORGOTTEN" | "ELSEWHERE";

/** What became of the session. */
export type RecordChange =
  | { readonly kind: "signed-in" | "refreshed"; readonly record: SessionRecord }
  | { readonly kind: "signed-out"; readonly record: SessionRecord; readonly reason: SignedOutReason };

/** The session in the store. */
export type HeldSession = {
  /** What the store holds now. @throws SessionStoreError if that is no session. */
  readonly read: () => Promise<Held | null>;
  /** Puts `to` in the place of `from` if that is still there; what the store holds then, or `null` if it was not. */
  readonly swap: (from: Held, to: SessionRecord) => Promise<Held | null>;
  /** Takes `from` away if that is still there, and says whether it did. */
  readonly end: (from: Held, reason: SignedOutReason) => Promise<boolean>;
  /** Puts a session that has just begun in the place of whatever is there. */
  readonly begin: (record: SessionRecord) => Promise<void>;
  /** Takes away whatever is there, even if it is no session. */
  readonly forget: () => Promise<void>;
  readonly onChange: (listener: (change: RecordChange) => void) => () => void;
  /** Stops listening to the store. */
  readonly close: () => void;
};

type HeldSessionDeps = { readonly store: SessionStore; readonly onListenerError: OnListenerError };

/** The session in `store`. */
export function createHeldSession({ store, onListenerError }: HeldSessionDeps): HeldSession {
  const listeners = new Set<(change: RecordChange) => void>();
  /** What was seen last; `undefined` until something was. */
  let seen: SessionRecord | null | undefined;
  let decoded: Held | null = null;
  /** Grows with each thing seen, so that a slow look does not bring back what is past. */
  let looks = 0;
  let writing = 0;
  const unwatch = store.watch(() => void read().catch(() => undefined));

  async function read(): Promise<Held | null> {
    const look = looks;
    const held = parse(await store.read());
    if (look === looks && writing === 0) note(held?.record ?? null, "ELSEWHERE");
    return held;
  }

  function parse(text: string | null): Held | null {
    if (text === null || text === decoded?.text) return text === null ? null : decoded;
    const record = decodeRecord(text);
    if (record === null)
      throw new SessionStoreError(
        `${store.place} holds something that is no session of this version; look at it, and take it away or call forget()`,
      );
    decoded = { text, record };
    return decoded;
  }

  function note(next: SessionRecord | null, reason: SignedOutReason): void {
    const change = changeBetween(seen, next, reason);
    seen = next;
    looks += 1;
    if (change !== null) for (const listener of listeners) queueMicrotask(() => tell(listener, change));
  }

  function tell(listener: (change: RecordChange) => void, change: RecordChange): void {
    // It may have left since, or the client been closed.
    if (listeners.has(listener)) void callListener(listener, change, onListenerError);
  }

  /** A write, and what is to be told if it was done. */
  async function write(
    from: Held | null,
    to: SessionRecord | null,
    reason: SignedOutReason = "ELSEWHERE",
  ): Promise<Held | null | false> {
    const text = to === null ? null : encodeRecord(to);
    writing += 1;
    try {
      if (!(await store.replace(from?.text ?? null, text))) return false;
      if (seen === undefined) seen = from?.record ?? null;
      note(to, reason);
      return parse(text);
    } finally {
      writing -= 1;
    }
  }

  async function begin(record: SessionRecord): Promise<void> {
    while ((await write(await read(), record)) === false);
  }

  async function forget(): Promise<void> {
    for (;;) {
      const text = await store.read();
      if (text === null || (await store.replace(text, null))) break;
    }
    note(null, "FORGOTTEN");
  }

  return {
    read,
    swap: async (from, to) => (await write(from, to)) || null,
    end: async (from, reason) => (await write(from, null, reason)) !== false,
    begin,
    forget,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      unwatch();
      listeners.clear();
    },
  };
}

function changeBetween(
  before: SessionRecord | null | undefined,
  now: SessionRecord | null,
  reason: SignedOutReason,
): RecordChange | null {
  if (before === undefined) return null;
  if (now === null) return before === null ? null : { kind: "signed-out", record: before, reason };
  if (before?.sessionId !== now.sessionId) return { kind: "signed-in", record: now };
  return before.generation === now.generation ? null : { kind: "refreshed", record: now };
}
