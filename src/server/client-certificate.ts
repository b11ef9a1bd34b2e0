/**
 * Which service a client certificate stands for. The certificate has been verified
 * by then: here it is only read.
 */
import type { X509Certificate } from "node:crypto";

/** What is kept of a client's certificate for as long as its connection lives. */
export type ClientCertificate = {
  /** Name of the service that it stands for, whether or not there is such a service; or `null`. */
  readonly service: string | null;
  /** When it ceases to be valid, in milliseconds since 1970. */
  readonly expiresAt: number;
};

/** What a certificate's name begins with if it stands for a service. */
const PREFIX = "service:";

/** The kinds of alternative names that count, as Node writes them. */
const ALTERNATIVE_NAME = /^(?:URI|DNS):(.*)$/;

/** Reads a verified certificate. */
export function readClientCertificate(certificate: X509Certificate): ClientCertificate {
  const name = nameOf(certificate);
  const service = name?.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;
  return { service: service || null, expiresAt: certificate.validToDate.getTime() };
}

/** The service that a certificate stands for at the time `now`: a connection may outlive the certificate. */
export function certifiedService(certificate: ClientCertificate | null, now: number): string | null {
  return certificate !== null && now < certificate.expiresAt ? certificate.service : null;
}

/**
 * The one name that counts: the first alternative name that is a URI or a DNS name,
 * and only where there is none of either the common name (as in RFC 6125 section 6.4.4).
 */
function nameOf(certificate: X509Certificate): string | null {
  // What could be mistaken for several names is quoted by Node, and its commas escaped.
  for (const entry of certificate.subjectAltName?.split(", ") ?? []) {
    const value = ALTERNATIVE_NAME.exec(entry)?.[1];
    if (value !== undefined) return value;
  }
  // Several common names come as an array, and none of them counts.
  const commonName: unknown = certificate.toLegacyObject().subject?.CN;
  return typeof commonName === "string" ? commonName : null;
}
