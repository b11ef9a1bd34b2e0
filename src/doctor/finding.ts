/** What an examination found, and how to mend it; `mend` is `null` if nothing is wrong. */
export type Finding = { readonly found: string; readonly mend: string | null };

/** All is well. */
export function fine(found: string): Finding {
  return { found, mend: null };
}

/** Something is wrong, and this mends it. */
export function wrong(found: string, mend: string): Finding {
  return { found, mend };
}

/** What a start would say: ours end with what to do, behind a semicolon; `otherwise` is for those that do not. */
export function wrongAsToldAtStart(message: string, otherwise: string): Finding {
  const at = message.lastIndexOf("; ");
  return at === -1 ? wrong(message, otherwise) : wrong(message.slice(0, at), message.slice(at + 2));
}
