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
