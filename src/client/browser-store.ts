import { type SessionStore, SessionStoreError } from "./session-store.ts";

/** What is used of `Storage`. */
type TextStorage = {
  readonly getItem: (key: string) => string | null;
  readonly setItem: (key: string, text: string) => void;
  readonly removeItem: (key: string) => void;
};

/** What is used of `LockManager` (Web Locks). */
type Locks = {
  readonly request: <T>(name: string, options: { signal: AbortSignal }, work: () => Promise<T>) => Promise<T>;
};

/** What is used of `window`: it hears of changes by other tabs. */
type StorageEvents = {
  readonly addEventListener: (type: "storage", listener: (event: { readonly key: string | null }) => void) => void;
  readonly removeEventListener: (type: "storage", listener: (event: { readonly key: string | null }) => void) => void;
};

/** How a {@link createBrowserStore} keeps its text; everything has the page's own as its default. */
export type BrowserStoreOptions = {
  /** The item's name, which all tabs of an application share. */
  readonly key?: string;
  readonly storage?: TextStorage;
  /** `null` where there are none, as on pages over plain HTTP. */
  readonly locks?: Locks | null;
  /** How long to wait for another tab's refresh, in milliseconds; 5,000. Then this one goes on by itself, which is safe. */
  readonly lockWaitMs?: number;
  readonly events?: StorageEvents | null;
};

/** Longer than a refresh takes: what is not waited for is a tab that was frozen or lost with the lock in its hands. */
const LOCK_WAIT_MS = 5_000;

/**
 * A store in `localStorage`: all tabs of an origin share one session, and take turns to
 * refresh by Web Locks where there are any. Any script on the page can read it, so keep
 * foreign scripts out, or take `createMemoryStore()` and ask for the password anew.
 * @throws SessionStoreError if the page may not keep anything.
 */
export function createBrowserStore(options: BrowserStoreOptions = {}): SessionStore {
  const { key = "sallyport", storage = pageStorage() } = options;
  const { locks = pageLocks(), lockWaitMs = LOCK_WAIT_MS, events = pageEvents() } = options;

  return {
    place: `localStorage item ${JSON.stringify(key)}`,
    read: async () => storage.getItem(key),
    /** Nothing of this tab comes in between, and other tabs only in the instant between these two calls. */
    async replace(expected, next) {
      if (storage.getItem(key) !== expected) return false;
      if (next === null) storage.removeItem(key);
      else storage.setItem(key, next);
      return true;
    },
    async exclusively(work) {
      if (locks === null) return work();
      let isMine = false;
      const mine = () => {
        isMine = true;
        return work();
      };
      try {
        return await locks.request(`${key} refresh`, { signal: AbortSignal.timeout(lockWaitMs) }, mine);
      } catch (error) {
        // The work's own error; or else nobody gave the lock back, and the server settles who was first.
        if (isMine) throw error;
        return work();
      }
    },
    watch(changed) {
      if (events === null) return () => undefined;
      const listener = (event: { readonly key: string | null }) => {
        if (event.key === key || event.key === null) changed();
      };
      events.addEventListener("storage", listener);
      return () => events.removeEventListener("storage", listener);
    },
  };
}

function pageStorage(): TextStorage {
  try {
    // Where pages may not keep anything, the mere look throws.
    if (globalThis.localStorage) return globalThis.localStorage;
  } catch (cause) {
    throw new SessionStoreError("this page may not use localStorage; take createMemoryStore()", { cause });
  }
  throw new SessionStoreError(
    "there is no localStorage here; take createMemoryStore(), or a store of sallyport/client/node",
  );
}

function pageLocks(): Locks | null {
  return globalThis.navigator?.locks ?? null;
}

function pageEvents(): StorageEvents | null {
  const page: object = globalThis;
  return isEventful(page) ? page : null;
}

function isEventful(page: object): page is StorageEvents {
  return "addEventListener" in page && typeof page.addEventListener === "function";
}
