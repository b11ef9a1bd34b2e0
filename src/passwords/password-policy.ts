/**
 * What a password must be where one is set. Nothing here holds at login: a password
 * that was good enough once still opens its account.
 *
 * Follows NIST SP 800-63B (revision 3) section 5.1.1.2: a least length, a list of known bad ones,
 * no rules about what kinds of characters to mix.
 */
import { invalidField, Refusal } from "../errors.ts";
import { loadCommonPasswords } from "./common-passwords.ts";

const LEAST_CODE_POINTS = 8;
const MOST_CODE_POINTS = 256;

/**
 * The form in which passwords are hashed, counted and compared: NFC, so that one
 * keyboard's é is another's (RFC 8265 section 4.2.2), and nothing else. Nothing is
 * trimmed, cut off or put into lower case.
 */
export function normalizePassword(raw: string): string {
  return raw.normalize("NFC");
}

/** Whose password it is to be. */
type Owner = { readonly username: string; readonly email: string | null };

/**
 * Refuses a password that must not be set: one outside 8 to 256 code points after NFC,
 * the owner's name or address or what stands before its `@`, or a common one, all
 * without regard to case.
 * @param field Where the request holds the password, as a proto path.
 * @throws Refusal REQUEST_INVALID, PASSWORD_PERSONAL or PASSWORD_COMMON, naming the field.
 */
export async function checkNewPassword(password: string, owner: Owner, field = "password"): Promise<void> {
  const normalized = normalizePassword(password);
  // Lone surrogates have no UTF-8 form: all of them would hash alike.
  if (!normalized.isWellFormed()) throw invalidField(field, "must be well-formed Unicode");
  const { length } = Array.from(normalized);
  if (length < LEAST_CODE_POINTS || length > MOST_CODE_POINTS) {
    throw invalidField(field, `must have ${LEAST_CODE_POINTS} to ${MOST_CODE_POINTS} characters`);
  }
  const folded = withoutCase(password);
  if (namesOf(owner).includes(folded)) {
    throw refusalOf("PASSWORD_PERSONAL", field, "must not be the user name or the e-mail address");
  }
  const common = await loadCommonPasswords();
  if (common.has(folded)) throw refusalOf("PASSWORD_COMMON", field, "is among the most used ones; choose another");
}

function namesOf({ username, email }: Owner): string[] {
  const names = email === null ? [username] : [username, email, email.slice(0, email.lastIndexOf("@"))];
  return names.map(withoutCase);
}

function withoutCase(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC");
}

function refusalOf(reason: "PASSWORD_COMMON" | "PASSWORD_PERSONAL", field: string, description: string): Refusal {
  return new Refusal(reason, { fields: [{ field, description }] });
}
