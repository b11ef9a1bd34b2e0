/** The one form in which a name is kept, of which it is told whoever asks. */

/** What RFC 8265 section 3.3.1 makes of a user name that it accepts: width, case and composition, nothing else. */
export function nameFormOf(text: string): string {
  const narrow = text.replace(/[\u3000\uff01-\uffee]/g, (wide) => wide.normalize("NFKC"));
  return narrow.toLowerCase().normalize("NFC");
}

/** An e-mail address in lower case and composed. Of the domain this holds if it is plain ASCII. */
export function addressFormOf(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC");
}
