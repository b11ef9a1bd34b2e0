/**
 * User names: the PRECIS profile UsernameCaseMapped (RFC 8265 section 3.3) over the
 * IdentifierClass (RFC 8264 section 4.2), and Sallyport's own bounds on top.
 *
 * Two spellings that prepare to the same name are the same user. What comes out of
 * here goes in again unchanged. The tables are those of the running Node's Unicode;
 * code points that it does not know are refused, so a newer Node only admits more.
 */

/** A user name that may be stored and looked up, or what is wrong with it and what to do. */
export type PreparedUsername =
  | { readonly ok: true; readonly username: string }
  | { readonly ok: false; readonly fault: string };

const LEAST_CODE_POINTS = 3;
const MOST_CODE_POINTS = 64;

/** NFC makes one code point out of at most four, of two UTF-16 units each: what is longer can never fit. */
const MOST_RAW_UNITS = MOST_CODE_POINTS * 4 * 2;

/** RFC 8264 section 7: once, and three times more for the result to come to rest. */
const MOST_ROUNDS = 4;

const FAULTS = {
  length: `must have ${LEAST_CODE_POINTS} to ${MOST_CODE_POINTS} characters`,
  empty: "must not be empty",
  at: "must not contain @, which tells e-mail addresses from user names; choose a name without it",
  character: "may hold letters, digits and ASCII punctuation only; leave out spaces, symbols and other signs",
  rightToLeft: "right-to-left scripts are not supported; choose a name in a left-to-right script",
  unstable: "changes each time it is normalized; choose another name",
} as const;

/**
 * The canonical form of a user name: UsernameCaseMapped, 3 to 64 code points
 * counted on the result, no `@` (which U+FF20 becomes, too). Idempotent.
 */
export function prepareUsername(raw: string): PreparedUsername {
  if (raw.length > MOST_RAW_UNITS) return refused("length");
  const enforced = enforceUsernameCaseMapped(raw);
  if (!enforced.ok) return raw === "" ? refused("length") : enforced;
  if (enforced.username.includes("@")) return refused("at");
  const { length } = Array.from(enforced.username);
  return length < LEAST_CODE_POINTS || length > MOST_CODE_POINTS ? refused("length") : enforced;
}

/**
 * The profile alone, without Sallyport's bounds (RFC 8265 section 3.3.3), but for two
 * things: whatever is allowed in some contexts only (CONTEXTJ, CONTEXTO) is refused in
 * all, and so are right-to-left names; see {@link RIGHT_TO_LEFT}.
 */
export function enforceUsernameCaseMapped(raw: string): PreparedUsername {
  if (raw === "") return refused("empty");
  let name = raw;
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const narrow = mapWidth(name);
    if (!Array.from(narrow).every(isValidInIdentifiers)) return refused("character");
    // toLowerCase, not toLocaleLowerCase: the name must not depend on the machine's language.
    const mapped = narrow.toLowerCase().normalize("NFC");
    if (RIGHT_TO_LEFT.test(mapped)) return refused("rightToLeft");
    if (mapped === name) return { ok: true, username: name };
    name = mapped;
  }
  return refused("unstable");
}

/**
 * Where right-to-left code points live: the blocks for which Unicode's
 * DerivedBidiClass.txt defaults to R or AL, assigned or not. Every letter of class R
 * or AL and every digit of class AN (U+0660, U+10D30, U+10E60 …) is in them; the only
 * other one, the mark U+200F, is no identifier character at all.
 *
 * Such names are refused because the Bidi Rule (RFC 5893 section 2) needs each code
 * point's Bidi_Class, which JavaScript does not know, and a name that breaks the rule
 * can be displayed as another user's. A name without such code points needs no rule.
 */
const RIGHT_TO_LEFT = /[\u{0590}-\u{08FF}\u{FB1D}-\u{FDFF}\u{FE70}-\u{FEFF}\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/**
 * Full-width and half-width forms become what they are forms of (RFC 8265 section 3.3.1).
 * NFKC of these code points is their decomposition, but for jamo and U+FFE3, where it
 * goes a step further, from one thing that is refused to another.
 */
function mapWidth(name: string): string {
  return name.replace(/[\u3000\uFF01-\uFFEE]/g, (form) => form.normalize("NFKC"));
}

/** RFC 8264 section 9.6 (RFC 5892 section 2.6): valid whatever their category says. */
const VALID_EXCEPTIONS = /^[\u00DF\u03C2\u06FD\u06FE\u0F0B\u3007]$/u;

/** RFC 8264 section 9.6 again: disallowed, or allowed only in a context (CONTEXTO), which we do not look at. */
const REFUSED_EXCEPTIONS =
  /^[\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B\u00B7\u0375\u05F3\u05F4\u30FB\u0660-\u0669\u06F0-\u06F9]$/u;

/** Hangul_Syllable_Type L, V or T (RFC 8264 section 9.9): modern Korean is written in whole syllables. */
const OLD_HANGUL_JAMO = /^[\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7C6\uD7CB-\uD7FB]$/u;

/** RFC 8264 section 9.13, and Join_Control (CONTEXTJ), which is part of it. */
const IGNORABLE = /^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]$/u;

/** RFC 8264 sections 9.11 and 9.1. */
const ASCII7 = /^[\u0021-\u007E]$/u;
const LETTER_OR_DIGIT = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;

/**
 * Whether the derived property of a code point is PVALID in the IdentifierClass: the
 * algorithm of RFC 8264 section 8, in its order. All that it names later (spaces,
 * symbols, punctuation) and all that is unassigned is neither letter nor digit.
 */
function isValidInIdentifiers(codePoint: string): boolean {
  if (VALID_EXCEPTIONS.test(codePoint)) return true;
  if (REFUSED_EXCEPTIONS.test(codePoint)) return false;
  if (ASCII7.test(codePoint)) return true;
  if (OLD_HANGUL_JAMO.test(codePoint) || IGNORABLE.test(codePoint)) return false;
  const hasCompatibilityForm = codePoint.normalize("NFKC") !== codePoint;
  return !hasCompatibilityForm && LETTER_OR_DIGIT.test(codePoint);
}

function refused(fault: keyof typeof FAULTS): PreparedUsername {
  return { ok: false, fault: FAULTS[fault] };
}
