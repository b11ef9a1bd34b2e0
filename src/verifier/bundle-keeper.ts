/** Takes what is known from a bundle when a verifier starts, and keeps the bundle new. */
import { BundleRefused, createBundleFile } from "./bundle.ts";
import type { HeldKnowledge } from "./held-knowledge.ts";
import type { BundleOptions } from "./options.ts";

/** How often the bundle is written, in milliseconds. */
const WRITE_MS = 30_000;
/** How far in the future a bundle may have been confirmed, for clocks that disagree, in milliseconds. */
const FUTURE_MS = 5_000;

/** Keeps a bundle. What goes wrong is told, and does no harm but that there is no bundle. */
export type BundleKeeper = {
  /** Takes over the bundle that is there. */
  readonly load: () => Promise<void>;
  /** Writes it from now on. */
  readonly start: () => void;
  /** Writes it once more, and stops. */
  readonly stop: () => Promise<void>;
};

type BundleKeeperDeps = {
  readonly bundle: BundleOptions;
  readonly apiKey: string;
  readonly baseUrl: string;
  /** Empty, to be filled if the bundle is good; the same that is written. */
  readonly knowledge: HeldKnowledge;
  /** Filled in vain, so that a bundle that is bad in the middle leaves nothing behind. */
  readonly createTrial: () => HeldKnowledge;
  /** This machine's clock, in milliseconds. */
  readonly wall: () => number;
  readonly onFailed: (error: Error) => void;
};

/** A {@link BundleKeeper} of one file. */
export function createBundleKeeper(deps: BundleKeeperDeps): BundleKeeper {
  const { bundle, apiKey, baseUrl, knowledge, createTrial, wall, onFailed } = deps;
  const file = createBundleFile(bundle.file, apiKey, baseUrl);
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    const messages = await file.read();
    if (messages === null) return;
    const trial = createTrial();
    messages.forEach(trial.createReader(null));
    const age = wall() - trial.asOf();
    if (trial.asOf() === 0) throw new BundleRefused(`${bundle.file} is incomplete; delete it`);
    if (age > bundle.maxAgeMs)
      throw new BundleRefused(`${bundle.file} is ${Math.round(age / 1000)} s old, which is too old`);
    if (age < -FUTURE_MS) throw new BundleRefused(`${bundle.file} is from the future: look at this machine's clock`);
    messages.forEach(knowledge.createReader(null));
  }

  async function write(): Promise<void> {
    if (knowledge.isConfirmed()) await file.write(knowledge.messages());
  }

  /** One after the other. */
  function writeNext(): Promise<void> {
    writing = writing.then(write).catch(failed);
    return writing;
  }

  function failed(error: unknown): void {
    onFailed(error instanceof Error ? error : new Error(String(error)));
  }

  return {
    load: () => read().catch(failed),
    start() {
      timer = setInterval(writeNext, WRITE_MS);
      timer.unref();
    },
    stop() {
      if (timer !== null) clearInterval(timer);
      return writeNext();
    },
  };
}
