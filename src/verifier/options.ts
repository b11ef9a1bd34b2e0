/** What a verifier is made from. */
import type { SecureClientSessionOptions } from "node:http2";
import type { Transport } from "@connectrpc/connect";
import { API_KEY_PREFIX } from "../check/service-table.ts";
import type { VerifierEvent } from "./api.ts";

/** How to make a verifier. */
export type VerifierOptions = {
  /** Where Sallyport is: `http://…` or `https://…`. */
  readonly baseUrl: string;
  /** The API key of this service, which needs the permission `feed:watch`. From a file or the environment, never from the code. */
  readonly apiKey: string;
  /** The audience that tokens must have been issued for: the name of this service. */
  readonly audience: string;
  /** How old knowledge may be, in milliseconds: 10,000 unless stated. */
  readonly maxStalenessMs?: number;
  /**
   * What becomes of a check on older knowledge. `deny`, unless stated: there is no decision, and the caller is told so as
   * UNAVAILABLE. `remote`: `authorize` asks Sallyport, `check` gives no decision. `allow`: decisions rest on what
   * was known last, whatever was revoked since; a warning is given each time that this begins.
   */
  readonly onStale?: "deny" | "remote" | "allow";
  /** Verified tokens that are remembered: 20,000 unless stated. */
  readonly cacheCapacity?: number;
  /** Where to keep what is known, so that this service can start while Sallyport is down. */
  readonly bundle?: BundleOptions;
  /** Certificates and the like for `https://`, as `node:http2` takes them. */
  readonly tls?: Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername">;
  /** In place of the connection that would be made by `baseUrl` and `tls`. */
  readonly transport?: Transport;
  /** Told what happens. Without it, what needs attention becomes a warning of the process. */
  readonly onEvent?: (event: VerifierEvent) => void;
};

/** A bundle: a snapshot on disk. */
export type BundleOptions = {
  /** The file; its folder must exist, and nobody else should write to it. */
  readonly file: string;
  /** How long ago what it says may have been confirmed, for the verifier to start with it, in milliseconds. */
  readonly maxAgeMs: number;
};

/** The options with what they leave open. */
export type Settled = Required<Omit<VerifierOptions, "bundle" | "tls" | "transport" | "onEvent">> &
  Pick<VerifierOptions, "bundle" | "tls" | "transport" | "onEvent">;

/** Fills in what is left open. @throws TypeError that names what cannot be. */
export function settleOptions(options: VerifierOptions): Settled {
  const { maxStalenessMs = 10_000, onStale = "deny", cacheCapacity = 20_000, bundle } = options;
  const { protocol } = URL.canParse(options.baseUrl) ? new URL(options.baseUrl) : { protocol: "" };
  const faults = [
    protocol === "http:" || protocol === "https:" || "baseUrl: give the URL of Sallyport, http:// or https://",
    // Its text stays out of the message.
    isHeaderText(options.apiKey) || `apiKey: give the API key of this service, ${API_KEY_PREFIX}…`,
    options.audience !== "" || "audience: give the audience that tokens are issued for, the name of this service",
    isPositive(maxStalenessMs) || "maxStalenessMs: give milliseconds, more than 0",
    Number.isSafeInteger(cacheCapacity) && cacheCapacity >= 0 ? true : "cacheCapacity: give a number of tokens",
    ["deny", "remote", "allow"].includes(onStale) || 'onStale: give "deny", "remote" or "allow"',
    bundle === undefined || bundle.file !== "" || "bundle.file: give the path of a file",
    bundle === undefined || isPositive(bundle.maxAgeMs) || "bundle.maxAgeMs: give milliseconds, more than 0",
  ].filter((fault) => fault !== true);
  if (faults.length > 0) throw new TypeError(`the verifier's options are wrong:\n  ${faults.join("\n  ")}`);
  return { ...options, maxStalenessMs, onStale, cacheCapacity };
}

function isPositive(milliseconds: number): boolean {
  return Number.isFinite(milliseconds) && milliseconds > 0;
}

/** A token as RFC 6750 section 2.1 has it, so that it can travel in a header. */
function isHeaderText(apiKey: string): boolean {
  return apiKey.startsWith(API_KEY_PREFIX) && /^[A-Za-z0-9._~+/-]+=*$/.test(apiKey);
}
