import { sha256 } from "../lib/sha256.ts";

/** A service that calls with a credential of its own. */
export type ServicePrincipal = {
  /** `svc_` and a UUIDv7. */
  readonly serviceId: string;
  readonly name: string;
  readonly permissions: readonly string[];
};

/** Every API key begins with this, so that whoever finds one knows what it is; no JWT does. */
export const API_KEY_PREFIX = "sallyport_svk_";

/** The services that may call, by the hash of their API keys and by name. */
export type ServiceTable = {
  /** The service of an API key, or `null`. */
  readonly find: (apiKey: string) => ServicePrincipal | null;
  /** The service of this name, for a caller that has proved the name in another way, or `null`. */
  readonly named: (name: string) => ServicePrincipal | null;
  /** Replaces all, by the hashes of their keys. */
  readonly replace: (services: Iterable<readonly [keyHash: string, service: ServicePrincipal]>) => void;
};

/** An empty {@link ServiceTable}. A key has 256 random bits, so looking its hash up leaks nothing that can be used. */
export function createServiceTable(): ServiceTable {
  let services: ReadonlyMap<string, ServicePrincipal> = new Map();
  let byName: ReadonlyMap<string, ServicePrincipal> = new Map();
  return {
    find: (apiKey) => services.get(sha256(apiKey)) ?? null,
    named: (name) => byName.get(name) ?? null,
    replace(entries) {
      services = new Map(entries);
      byName = new Map([...services.values()].map((service) => [service.name, service]));
    },
  };
}
