import type { ServiceTable } from "../check/service-table.ts";

/** What a proxy may prove itself with. */
export type ServiceCredential = {
  /** An API key from the proxy's own configuration; empty if it sent none. */
  readonly apiKey: string;
  /** Name of the service that its client certificate stands for, or `null`. */
  readonly certificateService: string | null;
};

type AskingServiceDeps = {
  readonly services: Pick<ServiceTable, "find" | "named">;
  readonly noteServiceUse: (serviceId: string) => void;
};

/** Returns whether a credential is a service's. As everywhere, the certificate speaks for those who send no key. */
export function createIsService({ services, noteServiceUse }: AskingServiceDeps) {
  return function isService({ apiKey, certificateService }: ServiceCredential): boolean {
    const service = apiKey === "" ? certificateService && services.named(certificateService) : services.find(apiKey);
    if (!service) return false;
    noteServiceUse(service.serviceId);
    return true;
  };
}
