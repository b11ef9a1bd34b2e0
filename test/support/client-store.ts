/** What a browser gives to the tabs of one origin, in this process. */
import type { BrowserStoreOptions } from "../../src/client/browser-store.ts";
import { createBrowserStore } from "../../src/client/browser-store.ts";
import type { SessionStore } from "../../src/client/session-store.ts";

type StorageListener = (event: { readonly key: string | null }) => void;

/** A profile: its tabs share one storage, and each hears of what the others change. */
export type Profile = {
  readonly items: ReadonlyMap<string, string>;
  /** The store of another tab; without Web Locks where the page is served over plain HTTP. */
  readonly openTab: (options?: BrowserStoreOptions) => SessionStore;
};

let profiles = 0;

/** A profile of its own; its locks are the real Web Locks of this process, under names of its own. */
export function createProfile(): Profile {
  const items = new Map<string, string>();
  const tabs = new Set<Set<StorageListener>>();
  profiles += 1;
  const key = `sallyport ${profiles}`;
  return {
    items,
    openTab(options = {}) {
      const own = new Set<StorageListener>();
      tabs.add(own);
      const tell = () => {
        for (const tab of tabs) if (tab !== own) for (const listener of tab) queueMicrotask(() => listener({ key }));
      };
      const storage = {
        getItem: (name: string) => items.get(name) ?? null,
        setItem(name: string, text: string) {
          items.set(name, text);
          tell();
        },
        removeItem(name: string) {
          items.delete(name);
          tell();
        },
      };
      const events = {
        addEventListener: (_type: string, listener: StorageListener) => void own.add(listener),
        removeEventListener: (_type: string, listener: StorageListener) => void own.delete(listener),
      };
      return createBrowserStore({ key, storage, events, locks: navigator.locks, ...options });
    },
  };
}
