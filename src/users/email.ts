/**
 * E-mail addresses: one canonical form, on which they are unique. Only what can be
 * written without quotes is accepted (RFC 5321 section 4.1.2 `Dot-string`, widened to
 * UTF-8 by RFC 6531): quoting would give one mailbox several spellings.
 */
import { isIP } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";

/** An address in canonical form, or what is wrong with it and what to do. */
export type CanonicalEmail =
  | { readonly ok: true; readonly email: string }
  | { readonly ok: false; readonly fault: string };

/** RFC 5321 section 4.5.3.1.1, in bytes of UTF-8. */
const MOST_LOCAL_BYTES = 64;
/** What fits into a path of 256 bytes with its brackets (RFC 5321 section 4.5.3.1.3). */
const MOST_BYTES = 254;

const FAULTS = {
  at: "must be an e-mail address with exactly one @, such as alice@example.com",
  blank: "must not contain white space, control or invisible characters; remove them",
  local: `must have 1 to ${MOST_LOCAL_BYTES} bytes before the @`,
  localSign: "may hold letters, digits, single dots and !#$%&'*+/=?^_`{|}~- before the @; remove other signs",
  domain: "must have a valid domain name, not an IP address, after the @",
  length: `must have at most ${MOST_BYTES} bytes`,
} as const;

/** Includes what Unicode has not assigned yet, for which neither case nor NFC is settled. */
const BLANK = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
/** What a local part has between its dots: RFC 5322's atext, and everything beyond ASCII (RFC 6531 section 3.3). */
const ATOM = /^[\w!#$%&'*+/=?^`{|}~\P{ASCII}-]+$/u;

/**
 * The canonical form of an address: the local part in lower case and NFC, the domain
 * as IDNA A-labels in lower case. Idempotent. RFC 5321 leaves the case of local parts
 * to their hosts; no host in use tells `Alice` from `alice`, but people mix them up.
 */
export function canonicalEmail(raw: string): CanonicalEmail {
  const [rawLocal, rawDomain, ...more] = raw.split("@");
  if (rawLocal === undefined || rawDomain === undefined || more.length > 0) return refused("at");
  if (BLANK.test(raw)) return refused("blank");
  const local = canonicalLocalPart(rawLocal);
  const localBytes = Buffer.byteLength(local);
  if (localBytes < 1 || localBytes > MOST_LOCAL_BYTES) return refused("local");
  if (!local.split(".").every((atom) => ATOM.test(atom))) return refused("localSign");
  const domain = canonicalDomain(rawDomain);
  if (domain === null) return refused("domain");
  const email = `${local}@${domain}`;
  return Buffer.byteLength(email) > MOST_BYTES ? refused("length") : { ok: true, email };
}

/** The second NFC is for lower case that composes where upper case does not: J with caron. */
function canonicalLocalPart(local: string): string {
  return local.normalize("NFC").toLowerCase().normalize("NFC");
}

/**
 * IDNA by UTS #46, which maps case and composes by itself: lower case beforehand would
 * turn a final capital sigma into another letter, hence into another domain.
 */
function canonicalDomain(domain: string): string | null {
  // Node takes what it is given for the start of a URL: a slash would end it, a percent sign be decoded.
  if (!/^(?:[A-Za-z0-9.-]|[^\p{ASCII}])+$/u.test(domain)) return null;
  const ascii = domainToASCII(domain);
  return isIP(ascii) === 0 && ascii.split(".").every(isValidLabel) ? ascii : null;
}

/** RFC 1123 section 2.1, and RFC 5891 section 4.2: an A-label must be what its U-label makes. */
function isValidLabel(label: string): boolean {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) return false;
  if (!label.startsWith("xn--")) return true;
  const unicode = domainToUnicode(label);
  return unicode !== label && domainToASCII(unicode) === label;
}

function refused(fault: keyof typeof FAULTS): CanonicalEmail {
  return { ok: false, fault: FAULTS[fault] };
}
